package main

import (
	stdgzip "compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// way is one way to compress a log.
type way struct {
	name string
	into func(w io.Writer) (io.WriteCloser, error)
}

// waysToCompress are Go's own gzip, which the others are compared with, and the shim's.
func waysToCompress() []way {
	ours := func(c logfile.Compression) func(io.Writer) (io.WriteCloser, error) {
		return func(w io.Writer) (io.WriteCloser, error) { return logfile.NewEncoder(w, c) }
	}
	return []way{
		{"compress/gzip", func(w io.Writer) (io.WriteCloser, error) { return stdgzip.NewWriter(w), nil }},
		{"gzip", ours(logfile.Gzip)},
		{"zstd", ours(logfile.Zstd)},
	}
}

// compressed is what one way did with one journal.
type compressed struct {
	in, out int64
	cpu     []time.Duration // in each round
}

// compressionPart compresses what real programs have logged, in each way in turn.
func compressionPart(ctx context.Context, s settings, programs testbed.Programs, r *report, progress io.Writer) error {
	fmt.Fprintln(progress, "collecting container logs to compress")
	corpus, err := makeCorpus(ctx, programs)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "compressing them in %d rounds\n", s.compression)
	ways := waysToCompress()
	seen := make([][]compressed, len(corpus)) // by journal and way
	for i := range seen {
		seen[i] = make([]compressed, len(ways))
	}
	for round := range s.compression {
		for i, journal := range corpus {
			for n := range ways {
				w := (round + n) % len(ways)
				if err := errors.Join(ctx.Err(), seen[i][w].add(ways[w], journal.text)); err != nil {
					return err
				}
			}
		}
	}
	total := make([]compressed, len(ways))
	for i, journal := range corpus {
		r.Figures = append(r.Figures, compressionFigures(journal.kind, ways, seen[i])...)
		for w := range ways {
			total[w].join(seen[i][w])
		}
	}
	figures := compressionFigures("all of them", ways, total)
	for i := range figures {
		figures[i].Goals = []goal{compressionGoal(figures[i])}
	}
	r.Figures = append(r.Figures, figures...)
	return nil
}

// add compresses text once more. The CPU time is that of one thread, on which all of an
// encoder's work is done.
func (c *compressed) add(w way, text []byte) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, err := threadTime()
	if err != nil {
		return err
	}
	var out counter
	encoder, err := w.into(&out)
	if err != nil {
		return err
	}
	if _, err := encoder.Write(text); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	ended, err := threadTime()
	c.in, c.out = int64(len(text)), int64(out)
	c.cpu = append(c.cpu, ended-began)
	return err
}

// join adds another journal's rounds to those seen so far.
func (c *compressed) join(other compressed) {
	c.in, c.out = c.in+other.in, c.out+other.out
	if c.cpu == nil {
		c.cpu = slices.Clone(other.cpu)
		return
	}
	for i := range c.cpu {
		c.cpu[i] += other.cpu[i]
	}
}

// rates are the bytes compressed per second of CPU time in each round.
func (c compressed) rates() []float64 {
	var all []float64
	for _, cpu := range c.cpu {
		all = append(all, float64(c.in)/cpu.Seconds())
	}
	return all
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// threadTime is the CPU time of the calling thread so far.
func threadTime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0, fmt.Errorf("read the thread's CPU clock: %w", err)
	}
	return time.Duration(t.Nano()), nil
}

// compressionFigures compare the shim's ways with the first one, which takes the place
// of the direct path in the table.
func compressionFigures(kind string, ways []way, seen []compressed) []figure {
	row := fmt.Sprintf("compression of %s, %.1f MB; direct is Go's compress/gzip", kind, float64(seen[0].in)/1e6)
	var figures []figure
	for i := 1; i < len(ways); i++ {
		theirs, ours := seen[0], seen[i]
		figures = append(figures,
			figure{
				Row: row, Name: ways[i].name + ", per CPU second", Unit: "MB/s",
				Values: map[string]float64{direct: median(theirs.rates()) / 1e6, shimmed: median(ours.rates()) / 1e6},
				Ratios: map[string]float64{shimToDirect: medianRatio(ours.rates(), theirs.rates())},
			},
			figure{
				Row: row, Name: ways[i].name + ", size after", Unit: "%",
				Values: map[string]float64{direct: 100 * float64(theirs.out) / float64(theirs.in), shimmed: 100 * float64(ours.out) / float64(ours.in)},
				Ratios: map[string]float64{shimToDirect: float64(ours.out) / float64(theirs.out)},
			})
	}
	return figures
}

// compressionGoal is the bound that a figure of the whole corpus should keep.
func compressionGoal(f figure) goal {
	ratio := f.Ratios[shimToDirect]
	if f.Unit == "%" {
		return atMost("at most 1.05 × compress/gzip", ratio, 1.05, "1")
	}
	return atLeast("at least 2.5 × compress/gzip", ratio, 2.5)
}
