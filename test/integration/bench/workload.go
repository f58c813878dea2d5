package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// workload is one row of the benchmark: a call, and how many callers make it at once.
type workload struct {
	name    string
	callers int
	call    func(context.Context, runtimeapi.RuntimeServiceClient) error
}

// The workloads that goals speak of.
const (
	small      = "Version, 1 caller"
	smallMany  = "Version, 16 callers"
	listMedium = "ListContainers, 500 containers"
	listLarge  = "ListContainers, 2,000 containers"
	listStream = "StreamContainers, 2,000 in 20 messages"
)

// lightWorkloads are those after which a proxy's memory is looked at.
func lightWorkloads() []workload {
	return []workload{
		{name: small, callers: 1, call: version},
		{name: smallMany, callers: 16, call: version},
		{name: listMedium, callers: 1, call: list(500)},
	}
}

// workloads are all rows.
func workloads() []workload {
	return append(lightWorkloads(),
		workload{name: listLarge, callers: 1, call: list(2000)},
		workload{name: listStream, callers: 1, call: streamedList(2000)},
	)
}

func version(ctx context.Context, client runtimeapi.RuntimeServiceClient) error {
	_, err := client.Version(ctx, &runtimeapi.VersionRequest{Version: "0.1.0"})
	return err
}

func list(n int) func(context.Context, runtimeapi.RuntimeServiceClient) error {
	return func(ctx context.Context, client runtimeapi.RuntimeServiceClient) error {
		answer, err := client.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: ask(n)})
		if err != nil {
			return err
		}
		return expect(n, len(answer.GetContainers()))
	}
}

func streamedList(n int) func(context.Context, runtimeapi.RuntimeServiceClient) error {
	return func(ctx context.Context, client runtimeapi.RuntimeServiceClient) error {
		in, err := client.StreamContainers(ctx, &runtimeapi.StreamContainersRequest{Filter: ask(n)})
		if err != nil {
			return err
		}
		got := 0
		for {
			m, err := in.Recv()
			if errors.Is(err, io.EOF) {
				return expect(n, got)
			}
			if err != nil {
				return err
			}
			got += len(m.GetContainers())
		}
	}
}

// ask is the selector that makes the canned runtime list n containers.
func ask(n int) *runtimeapi.ContainerFilter {
	return &runtimeapi.ContainerFilter{LabelSelector: map[string]string{countLabel: strconv.Itoa(n)}}
}

func expect(want, got int) error {
	if got != want {
		return fmt.Errorf("a list has %d containers, %d were asked for", got, want)
	}
	return nil
}
