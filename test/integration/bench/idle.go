package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// idleLogs is the number of containers of the idle part, and linesPerSecond
	// what each of them logs in its second half.
	idleLogs       = 500
	linesPerSecond = 10
	// trickleLine is a line as containerd writes it, 100 bytes long.
	trickleLine = "2026-01-02T03:04:05.000000678Z stdout F {\"level\":\"info\",\"path\":\"/cart\",\"status\":200,\"took\":\"3ms\"}\n"
	// idleLimit is the maxSize, in bytes, that the shim has without a configuration.
	idleLimit = 10 << 20
	// fillSettles is what the shim is given to find out how full the logs are.
	fillSettles = 3 * time.Second
	// idleTimeout is what the shim is given to find all logs and let them sleep.
	idleTimeout = time.Minute
)

// idlePart measures what the shim costs on a node whose containers log nothing or
// next to nothing. The runtime is the canned one, and the logs are written by this
// process.
func idlePart(ctx context.Context, s settings, dir, shim string, r *report, progress io.Writer) error {
	memory, err := measureFootprint(ctx, s, dir, shim, progress)
	if err != nil {
		return err
	}
	var rest, fresh, filled spent
	err = idleNode(ctx, s, filepath.Join(dir, "idle"), shim, idleLogs, func(ctx context.Context, p *process, logs []string) error {
		fmt.Fprintf(progress, "measuring %d idle logs for %v\n", idleLogs, s.idle)
		var err error
		if rest, err = spend(p, func() error { return pause(ctx, s.idle) }); err != nil {
			return err
		}
		fmt.Fprintf(progress, "measuring %d logs of %d lines a second, empty at first and then filled, each for %v\n", idleLogs, linesPerSecond, s.idle)
		if fresh, err = spend(p, func() error { return writeTrickle(ctx, logs, s.idle) }); err != nil {
			return err
		}
		if err := fill(logs); err != nil {
			return err
		}
		if err := writeTrickle(ctx, logs, fillSettles); err != nil {
			return err
		}
		filled, err = spend(p, func() error { return writeTrickle(ctx, logs, s.idle) })
		return err
	})
	if err != nil {
		return err
	}
	r.Settings = append(r.Settings, setting{"logs of the idle part", idleLogs, "1"}, setting{"time of each third of the idle part", s.idle.Seconds(), "s"})
	r.Figures = append(r.Figures, idleFigures(rest, fresh, filled)...)
	r.Figures = append(r.Figures, memory.figures()...)
	return nil
}

// idleNode starts a canned runtime with n containers and the shim before it, waits
// until the shim has found them and all is at rest, and calls measure with the shim and
// the logs' paths before it ends them.
func idleNode(ctx context.Context, s settings, dir, shim string, n int, measure func(context.Context, *process, []string) error) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	s.managed = n
	b, err := startShimmed(ctx, s, dir, shim)
	defer func() { err = errors.Join(err, b.stop()) }()
	if err != nil {
		return err
	}
	ctx, leave := b.whileAlive(ctx)
	defer leave()
	p := b.processes[1]
	if err := untilWatched(ctx, p, n); err != nil {
		return blame(ctx, err)
	}
	if err := pause(ctx, idleSettle); err != nil {
		return err
	}
	var logs []string
	for i := range n {
		logs = append(logs, logPath(filepath.Join(dir, "pods"), i))
	}
	if err := measure(ctx, p, logs); err != nil {
		return blame(ctx, err)
	}
	return nil
}

// untilWatched waits until the shim has at least n inotify watches: every log that
// sleeps has one.
func untilWatched(ctx context.Context, p *process, n int) error {
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	for {
		watches, err := p.watches()
		if err != nil {
			return err
		}
		if watches >= n {
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%s watches %d logs of %d: %w", p.name, watches, n, err)
		}
	}
}

// watches is the number of inotify watches that the process has.
func (p *process) watches() (int, error) {
	dir := fmt.Sprintf("/proc/%d/fdinfo", p.cmd.Process.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		info, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, os.ErrNotExist) { // closed meanwhile
			continue
		}
		if err != nil {
			return 0, err
		}
		n += strings.Count(string(info), "inotify wd:")
	}
	return n, nil
}

// pause waits for d, or returns why ctx ended before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// fill makes the logs as full as logs are at any moment, evenly from empty to nearly
// full: how often one is looked at depends on that. What is filled in takes no space.
func fill(logs []string) error {
	for i, path := range logs {
		if err := os.Truncate(path, idleLimit*int64(i)/int64(len(logs))*98/100); err != nil {
			return err
		}
	}
	return nil
}

// writeTrickle appends linesPerSecond lines a second to every log for the given
// time, one log after the other and evenly over each tenth of a second, as
// independent writers are.
func writeTrickle(ctx context.Context, logs []string, lasting time.Duration) (err error) {
	files := make([]*os.File, 0, len(logs))
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, path := range logs {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	const batches = 50 // a second
	ticker := time.NewTicker(time.Second / batches)
	defer ticker.Stop()
	written, end := 0, time.Now().Add(lasting)
	for began := time.Now(); time.Now().Before(end); {
		due := int(time.Since(began).Seconds() * float64(linesPerSecond*len(files)))
		for ; written < due; written++ {
			if _, err := files[written%len(files)].WriteString(trickleLine); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return nil
}

// spent is what a process used in some time.
type spent struct {
	cpu, lasted time.Duration
	switches    int64 // context switches of all its threads
}

// spend measures a process while f runs.
func spend(p *process, f func() error) (spent, error) {
	cpu, err := p.cpu()
	if err != nil {
		return spent{}, err
	}
	switches, err := p.switches()
	if err != nil {
		return spent{}, err
	}
	began := time.Now()
	if err := f(); err != nil {
		return spent{}, err
	}
	lasted := time.Since(began)
	cpuAfter, err := p.cpu()
	if err != nil {
		return spent{}, err
	}
	switchesAfter, err := p.switches()
	return spent{cpu: cpuAfter - cpu, lasted: lasted, switches: switchesAfter - switches}, err
}

// switches is how often the threads that the process has now were switched, of
// their own will or not.
func (p *process) switches() (int64, error) {
	dir := fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var all int64
	for _, task := range tasks {
		status, err := os.ReadFile(filepath.Join(dir, task.Name(), "status"))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(status)) {
			name, value, _ := strings.Cut(line, ":")
			if name != "voluntary_ctxt_switches" && name != "nonvoluntary_ctxt_switches" {
				continue
			}
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("parse %s: %w", name, err)
			}
			all += n
		}
	}
	return all, nil
}

// core is the share of one core that was used, in percent.
func (s spent) core() float64 { return 100 * s.cpu.Seconds() / s.lasted.Seconds() }

// idleFigures are of the time that the idle part's logs took.
func idleFigures(rest, fresh, filled spent) []figure {
	line := func(row, name, unit string, value float64, goals ...goal) figure {
		return figure{Row: row, Name: name, Unit: unit, Values: map[string]float64{shimmed: value}, Goals: goals}
	}
	quiet := fmt.Sprintf("%d logs, nothing written", idleLogs)
	slow := fmt.Sprintf("%d logs, %d lines a second each", idleLogs, linesPerSecond)
	figures := []figure{
		line(quiet, "CPU", "%", rest.core(), atMost("at most 0.1 % of a core", rest.core(), 0.1, "%")),
		line(quiet, "context switches", "1/s", float64(rest.switches)/rest.lasted.Seconds()),
	}
	for _, half := range []struct {
		row  string
		used spent
	}{{slow, fresh}, {slow + ", filled evenly from empty to full", filled}} {
		figures = append(figures,
			line(half.row, "CPU", "%", half.used.core(), atMost("at most 3 % of a core", half.used.core(), 3, "%")),
			line(half.row, "context switches", "1/s", float64(half.used.switches)/half.used.lasted.Seconds()))
	}
	return figures
}
