// Command otel is OpenTelemetry's own reader of log files, the file consumer that
// its collector's filelog receiver is made of, as a small program: what it reads it
// appends to a file, a line each, and where it stands it keeps in another, as the
// collector does with its storage extension. SIGTERM ends it in good order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "otel:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	include := flag.String("include", "", "patterns of the files to read, separated by commas")
	exclude := flag.String("exclude", "", "patterns of files not to read")
	output := flag.String("output", "", "file to append to")
	state := flag.String("state", "", "file that remembers how far each log was read")
	poll := flag.Duration("poll", 200*time.Millisecond, "how often to look (200ms is OpenTelemetry's default)")
	flag.Parse()

	config := fileconsumer.NewConfig()
	config.Include = strings.Split(*include, ",")
	if *exclude != "" {
		config.Exclude = strings.Split(*exclude, ",")
	}
	config.StartAt = "beginning"
	config.PollInterval = *poll

	out, err := os.OpenFile(*output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	settings := component.TelemetrySettings{
		Logger: logger, MeterProvider: noop.NewMeterProvider(), TracerProvider: tracenoop.NewTracerProvider(),
	}
	manager, err := config.Build(settings, sink(out))
	if err != nil {
		return err
	}
	kept, err := load(*state)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := manager.Start(kept); err != nil {
		return err
	}
	<-ctx.Done()
	return manager.Stop()
}

// sink writes what was read, a batch of lines at a time and without a buffer: what
// was taken must not be lost when the program ends.
func sink(out *os.File) func(context.Context, [][]byte, map[string]any, int64, []int64) error {
	return func(_ context.Context, lines [][]byte, _ map[string]any, _ int64, _ []int64) error {
		var batch []byte
		for _, line := range lines {
			batch = append(append(batch, line...), '\n')
		}
		_, err := out.Write(batch) // one call: several files are read at once
		return err
	}
}
