package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// benchmark runs every part that was asked for, prints the table and writes the file.
func benchmark(ctx context.Context, s settings, stdout, progress io.Writer) (err error) {
	r := report{Began: time.Now().UTC()}
	if r.Machine, err = thisMachine(); err != nil {
		return err
	}
	if err := s.possible(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cri-logshim-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	fmt.Fprintln(progress, "building")
	programs, err := testbed.Build(ctx, dir)
	if err != nil {
		return err
	}
	if s.shim != "" {
		programs.Shim = s.shim
	}
	if len(s.run) > 0 {
		if err := proxyPart(ctx, s, dir, programs.Shim, &r, progress); err != nil {
			return err
		}
	}
	if s.idle > 0 {
		if err := idlePart(ctx, s, dir, programs.Shim, &r, progress); err != nil {
			return err
		}
	}
	for _, f := range s.floods() {
		if err := f.run(ctx, s, programs, &r, progress); err != nil {
			return err
		}
	}
	if s.kubelet > 0 {
		if err := kubeletPart(ctx, s, programs, &r, progress); err != nil {
			return err
		}
	}
	if s.compression > 0 {
		if err := compressionPart(ctx, s, programs, &r, progress); err != nil {
			return err
		}
	}
	if s.reading > 0 {
		if err := readingPart(ctx, s, dir, programs, &r, progress); err != nil {
			return err
		}
	}
	r.Seconds = time.Since(r.Began).Seconds()
	return conclude(s, r, stdout)
}

// possible is an error when a part that was asked for cannot run here.
func (s settings) possible() error {
	if len(s.floods()) == 0 && s.kubelet == 0 && s.compression == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("the parts rotation, crowd, kubelet and compression run containers and need root; -rotation 0 -crowd 0 -kubelet 0 -compression 0 leaves them out")
	}
	_, err := testbed.Installed(testbed.Newest)
	return err
}

// conclude puts out the report, and with -check turns a missed goal into an error.
func conclude(s settings, r report, stdout io.Writer) error {
	if err := r.writeTable(stdout); err != nil {
		return err
	}
	if s.jsonPath != "" {
		if err := r.writeJSON(s.jsonPath); err != nil {
			return err
		}
	}
	if s.check && len(r.missed()) > 0 {
		return errGoalsMissed
	}
	return nil
}

// proxyPart measures calls on the three paths.
func proxyPart(ctx context.Context, s settings, dir, shim string, r *report, progress io.Writer) (err error) {
	b, err := startBed(ctx, s, dir, shim)
	defer func() { err = errors.Join(err, b.stop()) }()
	if err != nil {
		return err
	}
	ctx, leave := b.whileAlive(ctx)
	defer leave()
	fmt.Fprintln(progress, "measuring memory")
	seen, err := measureMemory(ctx, s, b.paths)
	if err != nil {
		return blame(ctx, err)
	}
	fmt.Fprintf(progress, "measuring calls: %d rounds of %d workloads on %d paths, %v each\n",
		s.rounds, len(s.run), len(b.paths), s.slot)
	all, err := rounds(ctx, s.rounds, s.slot, b.paths, s.run)
	if err != nil {
		return blame(ctx, err)
	}
	r.Settings = append(r.Settings,
		setting{"rounds", float64(s.rounds), "1"},
		setting{"time of a workload on a path in a round", s.slot.Seconds(), "s"},
		setting{"mean size of a listed container", meanSize(), "B"},
		setting{"containers managed by the shim", float64(s.managed), "1"})
	r.Figures = append(r.Figures, callFigures(s.run, all)...)
	r.Figures = append(r.Figures, memoryFigures(seen)...)
	return nil
}

// meanSize is the mean encoded size in bytes of a container in a list of 500.
func meanSize() float64 {
	const n = 500
	size := 0
	for _, c := range cannedContainers(n) {
		size += proto.Size(c)
	}
	return float64(size) / n
}
