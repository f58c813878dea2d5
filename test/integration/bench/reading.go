package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	readingFiles = 12        // rotated files of the history that is read whole
	readingSize  = 16 << 20  // of each, in bytes, before it was compressed
	tailFiles    = 100       // files of the history whose end is read
	tailSize     = 100 << 20 // of each, in bytes; most of it is a hole
)

// readingPart measures how fast a history is shown, against zcat, and how soon its last lines.
func readingPart(ctx context.Context, s settings, dir string, programs testbed.Programs, r *report, progress io.Writer) error {
	fmt.Fprintf(progress, "showing a compressed history in %d rounds\n", s.reading)
	whole, err := makeHistory(filepath.Join(dir, "whole"), readingFiles, readingSize)
	if err != nil {
		return err
	}
	ours := logsCommand(programs.Shim, whole.podLogsDir)
	theirs := append([]string{"zcat"}, whole.files...)
	var zcat, shown []float64 // bytes a second
	for round := range s.reading {
		for n := range 2 {
			command, rates := ours, &shown
			if (round+n)%2 == 0 {
				command, rates = theirs, &zcat
			}
			took, err := pipedThroughCat(ctx, command)
			if err != nil {
				return err
			}
			*rates = append(*rates, float64(whole.size)/took.Seconds())
		}
	}
	throughput := figure{
		Row: fmt.Sprintf("showing %d MB in %d gzip files; direct is zcat", whole.size/1e6, readingFiles), Name: "throughput", Unit: "MB/s",
		Values: map[string]float64{direct: median(zcat) / 1e6, shimmed: median(shown) / 1e6},
		Ratios: map[string]float64{shimToDirect: medianRatio(shown, zcat)},
	}
	throughput.Goals = []goal{atLeast("at least zcat | cat", throughput.Ratios[shimToDirect], 1)}
	r.Figures = append(r.Figures, throughput)
	return tailFigure(ctx, s, dir, programs, r)
}

// tailFigure measures how soon the first of a large history's last lines is there.
func tailFigure(ctx context.Context, s settings, dir string, programs testbed.Programs, r *report) error {
	large, err := makeSparseHistory(filepath.Join(dir, "large"), tailFiles, tailSize)
	if err != nil {
		return err
	}
	var waits []float64 // milliseconds
	for range 4 * s.reading {
		wait, err := firstLine(ctx, append(logsCommand(programs.Shim, large.podLogsDir), "--tail", "10"))
		if err != nil {
			return err
		}
		waits = append(waits, float64(wait)/float64(time.Millisecond))
	}
	wait := median(waits)
	r.Figures = append(r.Figures, figure{
		Row: fmt.Sprintf("the last 10 lines of %.0f GB in %d files", float64(large.size)/1e9, tailFiles), Name: "first line after", Unit: "ms",
		Values: map[string]float64{shimmed: wait},
		Goals:  []goal{atMost("at most 100 ms", wait, 100, "ms")},
	})
	return nil
}

// logsCommand shows the logs of the history's pod.
func logsCommand(shim, podLogsDir string) []string {
	return []string{shim, "logs", "shop/web-0", "--pod-logs-dir", podLogsDir, "--keep-dir", ""}
}

// pipedThroughCat runs a command whose output goes through cat to nowhere, and returns how long
// that took.
func pipedThroughCat(ctx context.Context, command []string) (_ time.Duration, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	producer := exec.CommandContext(ctx, command[0], command[1:]...)
	producer.Stdout, producer.Stderr = write, os.Stderr
	cat := exec.CommandContext(ctx, "cat")
	cat.Stdin = read
	began := time.Now()
	if err := errors.Join(producer.Start(), cat.Start(), write.Close(), read.Close()); err != nil {
		return 0, fmt.Errorf("start %q and cat: %w", command[0], err)
	}
	if err := errors.Join(producer.Wait(), cat.Wait()); err != nil {
		return 0, fmt.Errorf("run %q and cat: %w", command[0], err)
	}
	return time.Since(began), nil
}

// firstLine runs a command and returns how long it took to its first line.
func firstLine(ctx context.Context, command []string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n')
	took := time.Since(began)
	_, rest := io.Copy(io.Discard, lines)
	if err := errors.Join(err, rest, cmd.Wait()); err != nil {
		return 0, fmt.Errorf("run %q: %w", command[0], err)
	}
	return took, nil
}
