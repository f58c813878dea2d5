package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// fewLogs and manyLogs are the numbers of quiet logs at which the shim's memory is
	// compared. With none at all it would lack what it needs for the first one.
	fewLogs, manyLogs = 100, 2000
	// idleSettle is what the shim is given to give back what it needed to learn of the
	// containers, after its logs have fallen asleep. It does so within 15 s.
	idleSettle = 20 * time.Second
)

// footprint is the shim's resident memory in bytes, after a time of idleness.
type footprint struct{ few, many int64 }

// measureFootprint has two shims idle at the same time: neither costs much.
func measureFootprint(ctx context.Context, s settings, dir, shim string, progress io.Writer) (footprint, error) {
	fmt.Fprintf(progress, "measuring the memory of %d and %d idle logs for %v\n", fewLogs, manyLogs, idleSettle+s.idle)
	var seen footprint
	group, ctx := errgroup.WithContext(ctx)
	for n, resident := range map[int]*int64{fewLogs: &seen.few, manyLogs: &seen.many} {
		group.Go(func() error {
			return idleNode(ctx, s, filepath.Join(dir, fmt.Sprint("idle", n)), shim, n, func(ctx context.Context, p *process, _ []string) (err error) {
				if err := pause(ctx, s.idle); err != nil {
					return err
				}
				*resident, _, err = p.memory()
				return err
			})
		})
	}
	return seen, group.Wait()
}

// perLog is by how much the memory grows with each log, in KiB.
func (f footprint) perLog() float64 {
	return float64(f.many-f.few) / (manyLogs - fewLogs) / 1024
}

func (f footprint) figures() []figure {
	resident := func(n int, bytes int64) figure {
		return figure{
			Row: fmt.Sprintf("%d logs, nothing written", n), Name: "resident memory", Unit: "MiB",
			Values: map[string]float64{shimmed: float64(bytes) / (1 << 20)},
		}
	}
	many := resident(manyLogs, f.many)
	each := figure{
		Row: many.Row, Name: fmt.Sprintf("resident memory per log beyond %d", fewLogs), Unit: "KiB",
		Values: map[string]float64{shimmed: f.perLog()},
		Goals:  []goal{atMost("at most 4 KiB", f.perLog(), 4, "KiB")},
	}
	return []figure{resident(fewLogs, f.few), many, each}
}
