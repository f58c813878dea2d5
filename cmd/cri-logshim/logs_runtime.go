package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
)

// runtimeAsked answers what only the runtime knows of logs.
type runtimeAsked struct{ endpoint, origin string }

// ask connects to the runtime for one question.
func (r runtimeAsked) ask(ctx context.Context, question func(context.Context, *criruntime.Runtime) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	conn, err := grpc.NewClient(r.endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"), grpc.WithNoProxy(), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxList)))
	if err != nil {
		return fmt.Errorf("connect to the runtime at %s: %w", r.endpoint, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := question(ctx, criruntime.New(conn)); err != nil {
		return unreachable(ctx, r.endpoint, r.origin, err)
	}
	return nil
}

// labels are those of all pods that the runtime knows.
func (r runtimeAsked) labels(ctx context.Context) (pods []logcmd.LabelledPod, err error) {
	err = r.ask(ctx, func(ctx context.Context, runtime *criruntime.Runtime) error {
		all, err := runtime.Sandboxes(ctx)
		for _, s := range all {
			p := logreader.Pod{Namespace: s.Namespace, Name: s.Pod, UID: s.PodUID}
			pods = append(pods, logcmd.LabelledPod{Pod: p, Labels: s.Labels})
		}
		return err
	})
	if err != nil {
		return nil, exitcode.With(exitcode.Unreachable, fmt.Errorf("only the runtime knows labels of pods; name a pod instead: %w", err))
	}
	return pods, nil
}

// byID are the containers whose id begins with prefix.
func (r runtimeAsked) byID(ctx context.Context, prefix string) (found []logreader.Identified, err error) {
	err = r.ask(ctx, func(ctx context.Context, runtime *criruntime.Runtime) error {
		all, err := runtime.List(ctx)
		if err != nil {
			return err
		}
		for _, listed := range all {
			if !strings.HasPrefix(listed.ID, prefix) {
				continue
			}
			c, err := runtime.Status(ctx, listed.ID)
			if err != nil {
				return err
			}
			pod := logreader.Pod{Namespace: c.Namespace, Name: c.Pod, UID: c.PodUID}
			found = append(found, logreader.Identified{Container: logreader.Container{Pod: pod, Name: c.Name}, ID: c.ID, Attempt: c.Attempt})
		}
		return nil
	})
	return found, err
}
