package main

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The typed proxy is worth a comparison only if it gives the runtime's answers,
// to every workload and to the listener to events.
func TestTypedProxyGivesTheRuntimesAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var servers sync.WaitGroup
	defer servers.Wait()
	defer cancel()
	serve := func(serve func(context.Context, []string) error, args ...string) {
		servers.Go(func() {
			if err := serve(ctx, args); err != nil {
				t.Errorf("serve %v: %v", args, err)
			}
		})
	}
	dir := t.TempDir()
	runtimeSocket, typedSocket := filepath.Join(dir, "r.sock"), filepath.Join(dir, "t.sock")
	serve(serveUpstream, "-socket", runtimeSocket, "-pod-logs", filepath.Join(dir, "pods"), "-managed", "3")
	serve(serveTyped, "-socket", typedSocket, "-upstream", runtimeSocket)

	answers := map[string]*runtimeapi.ListContainersResponse{}
	for name, socket := range map[string]string{direct: runtimeSocket, typedPath: typedSocket} {
		p, err := openPath(ctx, ctx, name, socket, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range workloads() {
			s, err := measure(ctx, w, p, time.Millisecond)
			if err != nil {
				t.Error(err)
			}
			if len(s.latencies) < w.callers {
				t.Errorf("%s on path %s: %d calls of %d callers", w.name, name, len(s.latencies), w.callers)
			}
		}
		if answers[name], err = p.client.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: ask(500)}); err != nil {
			t.Error(err)
		}
		if err := p.close(); err != nil {
			t.Error(err)
		}
	}
	if !proto.Equal(answers[direct], answers[typedPath]) {
		t.Error("a list of 500 differs between the runtime and the typed proxy")
	}
}

func TestNodeShowsItsOwnContainersWithoutASelector(t *testing.T) {
	u := &upstream{containers: cannedContainers(10), managed: 3}
	list, err := u.listed(nil)
	if err != nil || len(list) != 3 {
		t.Errorf("listed %d containers (%v), want 3", len(list), err)
	}
	if list, err := u.listed(ask(maxListed + 1)); err == nil {
		t.Errorf("listed %d containers, want a refusal", len(list))
	}
}
