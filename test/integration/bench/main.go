// Command bench measures what it costs to have cri-logshim in the path of CRI
// calls, and how closely it holds a flooding log to its limit.
//
// Three paths to one canned CRI server are measured in turn within one run:
// straight to it, through the shim, and through a plain proxy that decodes and
// encodes every message with cri-api's types. The client, the server and each
// proxy are processes of their own, as on a node. What counts are the ratios
// between the paths of one round; the absolute figures belong to the machine
// they were measured on, which is printed with them.
//
// The rotation and crowd parts run flooding containers on a real containerd through
// the shim. It knows nothing of the shim's inside: it looks at files, and at
// the shim's own metrics. The kubelet part does the same in front of a real
// kubelet, with its own rotation and with the shim's in turn.
//
// The idle part measures what the shim uses before the canned server when many
// containers log nothing, and then little.
//
// The compression part compresses what real programs have logged, as the shim does
// and as Go's compress/gzip does.
//
// A benchmark is no test: the exit code is 0 when everything could be measured,
// whatever the figures are, unless -check makes the goals binding.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// errGoalsMissed ends a run with -check when a goal was not reached.
var errGoalsMissed = errors.New("not every goal was met")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is either the benchmark or, when the first argument says so, one of the
// processes that the benchmark starts from its own executable.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case upstreamCommand:
			return serveUpstream(ctx, args[1:])
		case typedCommand:
			return serveTyped(ctx, args[1:])
		}
	}
	s, err := parseSettings(args, stderr)
	if err != nil {
		return err
	}
	return benchmark(ctx, s, stdout, stderr)
}

// settings are the command line of a run.
type settings struct {
	jsonPath string        // where the figures go as JSON; empty: nowhere
	check    bool          // whether a missed goal is an error
	shim     string        // a built shim binary; empty: build the one of this repository
	extra    string        // YAML added to the shim's configuration of the proxy part
	rounds   int           // rounds over all workloads and paths
	slot     time.Duration // time of one workload on one path in one round
	settle   time.Duration // what a process is given to come to rest
	managed  int           // containers that the shim's log manager finds on the node
	run      []workload    // the workloads of the proxy part; none: no such part
	rotation time.Duration // time that the flood lasts; 0: no rotation part
	crowd    time.Duration // time that the crowd writes; 0: no crowd part
	nice     int           // niceness of the shim in these two parts
	kubelet  time.Duration // time that each flood before kubelet lasts; 0: no kubelet part
	trials   []trial       // of the kubelet part

	idle time.Duration // time of each third of the idle part; 0: no such part

	compression int // rounds of the compression part; 0: no such part
	reading     int // rounds of the reading part; 0: no such part
}

func parseSettings(args []string, stderr io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&s.jsonPath, "json", "", "write every figure to this `file` as JSON")
	f.BoolVar(&s.check, "check", false, "exit with 1 when a goal is not met")
	f.StringVar(&s.shim, "shim", "", "measure this `binary` instead of building the repository's")
	f.StringVar(&s.extra, "shim-config", "", "`YAML` lines added to the configuration of the measured shim")
	f.IntVar(&s.rounds, "rounds", 30, "rounds over all workloads and paths, 1 to 1000")
	f.DurationVar(&s.slot, "slot", 100*time.Millisecond, "time of one workload on one path in one round, at most 10s")
	f.DurationVar(&s.settle, "settle", 3*time.Second, "time given to the processes to come to rest, at most 1m")
	f.IntVar(&s.managed, "managed", 110, "running containers that the shim's log manager finds, 0 to 2000")
	run := f.String("run", "", "run only workloads whose names match this `regexp`; - for no calls at all")
	f.DurationVar(&s.rotation, "rotation", time.Minute, "time that the flooding container writes, at most 2m; 0: no rotation part")
	f.DurationVar(&s.crowd, "crowd", time.Minute, "time that the containers of a crowd write, at most 2m; 0: no crowd part")
	f.IntVar(&s.nice, "nice", -10, "niceness of the shim in the rotation and crowd parts, -20 to 19; the unit's is the default")
	f.DurationVar(&s.kubelet, "kubelet", 50*time.Second, "time that each container writes in the kubelet part, at most 90s; 0: no kubelet part")
	f.DurationVar(&s.idle, "idle", time.Minute, "time that the logs of the idle part are silent, and then that they are written to, at most 2m; 0: no idle part")
	f.IntVar(&s.compression, "compression", 20, "rounds of the compression part, at most 200; 0: no such part")
	f.IntVar(&s.reading, "reading", 10, "rounds of the reading part, at most 100; 0: no such part")
	trial := f.String("kubelet-run", "", "run only floods of the kubelet part whose names match this `regexp`")
	if err := f.Parse(args); err != nil {
		return settings{}, err
	}
	if f.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	chosen, err := regexp.Compile(*run)
	if err != nil {
		return settings{}, fmt.Errorf("-run: %w", err)
	}
	for _, w := range workloads() {
		if *run != "-" && chosen.MatchString(w.name) {
			s.run = append(s.run, w)
		}
	}
	wanted, err := regexp.Compile(*trial)
	if err != nil {
		return settings{}, fmt.Errorf("-kubelet-run: %w", err)
	}
	for _, t := range trials() {
		if wanted.MatchString(t.name()) {
			s.trials = append(s.trials, t)
		}
	}
	return s, s.validate()
}

// validate keeps the load bounded in count and time, whatever was asked for.
func (s settings) validate() error {
	var errs []error
	if s.rounds < 1 || s.rounds > 1000 {
		errs = append(errs, fmt.Errorf("-rounds: must be 1 to 1000, is %d", s.rounds))
	}
	if s.slot < time.Millisecond || s.slot > 10*time.Second {
		errs = append(errs, fmt.Errorf("-slot: must be 1ms to 10s, is %v", s.slot))
	}
	if s.settle < 0 || s.settle > time.Minute {
		errs = append(errs, fmt.Errorf("-settle: must be 0s to 1m, is %v", s.settle))
	}
	if s.managed < 0 || s.managed > 2000 {
		errs = append(errs, fmt.Errorf("-managed: must be 0 to 2000, is %d", s.managed))
	}
	if s.rotation < 0 || s.rotation > 2*time.Minute {
		errs = append(errs, fmt.Errorf("-rotation: must be 0s to 2m, is %v", s.rotation))
	}
	if s.crowd < 0 || s.crowd > 2*time.Minute {
		errs = append(errs, fmt.Errorf("-crowd: must be 0s to 2m, is %v", s.crowd))
	}
	if s.idle < 0 || s.idle > 2*time.Minute {
		errs = append(errs, fmt.Errorf("-idle: must be 0s to 2m, is %v", s.idle))
	}
	if s.nice < -20 || s.nice > 19 {
		errs = append(errs, fmt.Errorf("-nice: must be -20 to 19, is %d", s.nice))
	}
	if s.compression < 0 || s.compression > 200 {
		errs = append(errs, fmt.Errorf("-compression: must be 0 to 200, is %d", s.compression))
	}
	if s.reading < 0 || s.reading > 100 {
		errs = append(errs, fmt.Errorf("-reading: must be 0 to 100, is %d", s.reading))
	}
	if s.kubelet < 0 || s.kubelet > 90*time.Second {
		errs = append(errs, fmt.Errorf("-kubelet: must be 0s to 90s, is %v", s.kubelet))
	}
	return errors.Join(errs...)
}
