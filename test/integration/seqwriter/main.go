// Command seqwriter writes numbered lines to stdout, stderr or both, fast or at a set
// rate, so that whoever reads them back can tell whether one was lost, doubled or moved:
//
//	stdout 1 xxxxxxxxxxxxxxx
//	stderr 1 xxxxxxxxxxxxxxx
//
// Each stream counts for itself from 1, and its last line says how many there were:
//
//	stdout done 1
//
// It lives on for a moment after its last line, so that a runtime that drops at the exit
// what it has not read has read it.
//
// It is a static program that goes into the image of the tests, and knows nothing of how
// its output is collected.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	streams  []string
	rate     int64 // bytes a second over all streams; 0: as fast as they are taken
	length   int   // bytes of a line, its newline included
	count    uint64
	duration time.Duration
	exitCode int
	stay     bool
	linger   time.Duration
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "seqwriter:", err)
		os.Exit(1)
	}
	os.Exit(o.exitCode)
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("seqwriter", flag.ContinueOnError)
	stream := flags.String("stream", "stdout", "where to write: stdout, stderr or both")
	flags.Int64Var(&o.rate, "rate", 0, "bytes a second over all streams; 0: as fast as they are taken")
	flags.IntVar(&o.length, "length", 128, "bytes of a line, its newline included; a line is never shorter than its number")
	flags.Uint64Var(&o.count, "count", 0, "lines to write to each stream; 0: no limit")
	flags.DurationVar(&o.duration, "duration", 0, "how long to write; 0: no limit")
	flags.IntVar(&o.exitCode, "exit-code", 0, "the exit code when all is written")
	flags.BoolVar(&o.stay, "stay", false, "stay alive when all is written, until SIGTERM")
	flags.DurationVar(&o.linger, "linger", time.Second, "how long to live on after the last line")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	switch *stream {
	case "stdout", "stderr":
		o.streams = []string{*stream}
	case "both":
		o.streams = []string{"stdout", "stderr"}
	default:
		fmt.Fprintf(os.Stderr, "seqwriter: unknown stream %q\n", *stream)
		return options{}, errors.New("unknown stream")
	}
	return o, nil
}

// run ends early, but with its last lines, when it is asked to stop.
func run(o options) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	padding := newPadding(o.length)
	var streams []*stream
	for _, name := range o.streams {
		file := os.Stdout
		if name == "stderr" {
			file = os.Stderr
		}
		streams = append(streams, &stream{name: name, out: file, length: o.length, padding: padding, left: o.count})
	}
	stopped, err := write(o, streams, stop)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if err := s.finish(); err != nil {
			return err
		}
	}
	if o.stay && !stopped {
		<-stop
		return nil
	}
	// containerd before the middle of 2023 (1.6.20 is) throws away what it has not read yet
	// when it learns of the exit (its pull request 8643); even later ones may write the last
	// 4 KiB to the log only after they have told of the exit.
	time.Sleep(o.linger)
	return nil
}

// write goes round the streams, one chunk at a time, until something ends it; stopped
// tells whether it was a signal.
func write(o options, streams []*stream, stop <-chan os.Signal) (stopped bool, err error) {
	pace := newPace(o.rate)
	for pace.elapsed() < o.duration || o.duration == 0 {
		select {
		case <-stop:
			return true, nil
		default:
		}
		before := pace.written
		for _, s := range streams {
			n, err := s.writeChunk(pace.chunk)
			if err != nil {
				return false, err
			}
			pace.written += int64(n)
		}
		if pace.written == before {
			return false, nil // every line that was asked for is written
		}
		pace.wait()
	}
	return false, nil
}
