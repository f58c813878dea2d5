package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
)

const (
	nodesAtOnce = 8
	// lookTimeout is how long one node is waited for: the API server itself would wait for half a
	// minute for one that is down.
	lookTimeout = 15 * time.Second
)

// search looks on all nodes for the logs of a pod that the API server does not know any more.
type search struct {
	*locator
	wanted logcmd.Wanted

	mu     sync.Mutex
	fleet  *fleet
	found  bool
	looked int
	told   time.Time
	failed []error
}

// everywhere looks on all nodes. That nothing was found is an error only if not all could be looked at.
func (s *search) everywhere(ctx context.Context) (*fleet, error) {
	pod := s.wanted.Namespace + "/" + s.wanted.Pod
	nodes, err := s.api.nodes(ctx)
	if saysNo(err, http.StatusForbidden) {
		return nil, fmt.Errorf("pod %s is not in the cluster, and where it was cannot be searched for: name the node with --node, or have somebody allow you to list nodes "+
			"(kubectl create clusterrole node-names --verb=list --resource=nodes): %w", pod, err)
	}
	if err != nil {
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	s.note("pod %s is not in the cluster; looking for its logs on %d nodes", pod, len(nodes))
	s.told = time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(nodesAtOnce)
	for _, node := range nodes {
		group.Go(func() error { return s.look(ctx, node, len(nodes)) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(s.failed) == 0 {
		return s.fleet, nil
	}
	failed := fmt.Errorf("%d of %d nodes could not be looked at, the first because: %w", len(s.failed), len(nodes), s.failed[0])
	if !s.found {
		return nil, exitcode.With(exitcode.Partly, fmt.Errorf("there is no log of pod %s on the other nodes; %w", pod, failed))
	}
	s.note("%v", failed)
	return s.fleet, nil
}

// look looks at one node. That it cannot be read is an error only if no other can be, either.
func (s *search) look(ctx context.Context, node string, of int) error {
	source, err := s.source(node)
	if err != nil {
		return err
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	pods, err := source.Pods(looking)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked++
	if now := time.Now(); now.Sub(s.told) >= 2*time.Second && s.looked < of {
		s.told = now
		s.note("looked at %d of %d nodes", s.looked, of)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nodelogs.ErrForbidden), errors.Is(err, nodelogs.ErrUnauthorized):
		return err
	case err != nil:
		s.failed = append(s.failed, err)
	}
	for _, p := range pods {
		s.add(p, source)
	}
	return nil
}

func (s *search) add(p logreader.Pod, home logreader.Source) {
	if p.Namespace != s.wanted.Namespace {
		return
	}
	s.found = s.found || p.Name == s.wanted.Pod
	s.fleet.homes[p] = home
}
