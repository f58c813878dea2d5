// Command dockershim is the dockershim of the kubelet that this module names, as a program
// of its own: it serves CRI v1alpha2 at a socket, and works through Docker. Kubelet ran it
// inside its own process; a server is all that kubelet made of it there, too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/cri/streaming"
	"k8s.io/kubernetes/pkg/kubelet/dockershim"
	"k8s.io/kubernetes/pkg/kubelet/dockershim/remote"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dockershim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	// An own set: what is linked in here adds flags to the common one.
	flags := flag.NewFlagSet("dockershim", flag.ContinueOnError)
	klog.InitFlags(flags)
	listen := flags.String("listen", "", "the `endpoint` to serve CRI at, as unix:///run/dockershim.sock")
	docker := flags.String("docker", "unix:///run/docker.sock", "the `endpoint` of Docker")
	stream := flags.String("stream", "", "the `address` to serve exec, attach and port-forward at; with a port, since port 0 is told to clients as it is")
	image := flags.String("sandbox-image", "", "the `image` of the containers that stand for pods")
	root := flags.String("root", "/var/lib/dockershim", "the `folder` for what is to be remembered of pods")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *listen == "" || *stream == "" || *image == "" || flags.NArg() > 0 {
		return errors.New("-listen, -stream and -sandbox-image are needed, and nothing beside flags")
	}

	// Timeouts and modes are kubelet's defaults.
	client := dockershim.ClientConfig{DockerEndpoint: *docker, RuntimeRequestTimeout: 2 * time.Minute, ImagePullProgressDeadline: time.Minute}
	streams := streaming.DefaultConfig
	streams.Addr = *stream
	network := dockershim.NetworkPluginSettings{HairpinMode: config.PromiscuousBridge, NonMasqueradeCIDR: "10.0.0.0/8"}
	service, err := dockershim.NewDockerService(&client, *image, &streams, &network, "", "cgroupfs", *root)
	if err != nil {
		return fmt.Errorf("make the service: %w", err)
	}
	if err := remote.NewDockerServer(*listen, service).Start(); err != nil {
		return fmt.Errorf("serve at %q: %w", *listen, err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
	return nil
}
