package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// created is when every canned container was made: a fixed instant, so that
// every run moves the same bytes.
func created() time.Time {
	return time.Date(2026, time.January, 2, 3, 4, 5, 678, time.UTC)
}

// hexID derives a runtime's 64-digit identifier from a kind and a number.
func hexID(kind string, n int) string {
	sum := sha256.Sum256([]byte(kind + strconv.Itoa(n)))
	return hex.EncodeToString(sum[:])
}

// podOf names the n-th pod the way a Deployment's pods are named.
func podOf(n int) *runtimeapi.PodSandboxMetadata {
	id := hexID("uid", n)
	return &runtimeapi.PodSandboxMetadata{
		Name:      fmt.Sprintf("checkout-%s-%s", id[:9], id[9:14]),
		Namespace: fmt.Sprintf("team-%02d", n%20),
		Uid:       fmt.Sprintf("%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:32]),
	}
}

// cannedContainer is the n-th container of a list: one container per pod, with
// the labels that kubelet sets and those annotations that every container has.
func cannedContainer(n int) *runtimeapi.Container {
	pod := podOf(n)
	image := "registry.example/shop/checkout:v1.42." + strconv.Itoa(n%7)
	return &runtimeapi.Container{
		Id:           hexID("container", n),
		PodSandboxId: hexID("sandbox", n),
		Metadata:     &runtimeapi.ContainerMetadata{Name: "checkout"},
		Image:        &runtimeapi.ImageSpec{Image: image},
		ImageRef:     "sha256:" + hexID("image", n%7),
		State:        runtimeapi.ContainerState_CONTAINER_RUNNING,
		CreatedAt:    created().UnixNano() + int64(n),
		Labels: map[string]string{
			"io.kubernetes.container.name": "checkout",
			"io.kubernetes.pod.name":       pod.Name,
			"io.kubernetes.pod.namespace":  pod.Namespace,
			"io.kubernetes.pod.uid":        pod.Uid,
		},
		Annotations: map[string]string{
			"io.kubernetes.container.hash":         hexID("hash", n)[:8],
			"io.kubernetes.container.restartCount": "0",
		},
	}
}

// cannedContainers are the first n containers.
func cannedContainers(n int) []*runtimeapi.Container {
	list := make([]*runtimeapi.Container, n)
	for i := range list {
		list[i] = cannedContainer(i)
	}
	return list
}

// logPath is where the n-th container logs, below podLogs.
func logPath(podLogs string, n int) string {
	pod := podOf(n)
	return filepath.Join(podLogs, pod.Namespace+"_"+pod.Name+"_"+pod.Uid, "checkout", "0.log")
}

// cannedStatus is the status of the n-th container.
func cannedStatus(podLogs string, n int) *runtimeapi.ContainerStatus {
	c := cannedContainer(n)
	return &runtimeapi.ContainerStatus{
		Id: c.Id, Metadata: c.Metadata, State: c.State, CreatedAt: c.CreatedAt, StartedAt: c.CreatedAt,
		Image: c.Image, ImageRef: c.ImageRef, Labels: c.Labels, Annotations: c.Annotations,
		LogPath: logPath(podLogs, n),
	}
}

// cannedSandbox is the status of the n-th pod.
func cannedSandbox(n int) *runtimeapi.PodSandboxStatus {
	pod := podOf(n)
	return &runtimeapi.PodSandboxStatus{
		Id: hexID("sandbox", n), Metadata: pod, State: runtimeapi.PodSandboxState_SANDBOX_READY,
		CreatedAt: created().UnixNano() + int64(n),
		Labels: map[string]string{
			"app": "checkout", "io.kubernetes.pod.name": pod.Name,
			"io.kubernetes.pod.namespace": pod.Namespace, "io.kubernetes.pod.uid": pod.Uid,
		},
		Annotations: map[string]string{"kubernetes.io/config.source": "api"},
	}
}
