package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/proxy"
)

func newLogger(c config.Log, out io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(out)
	log.SetLevel(level(c))
	log.SetFormatter(formatter(c.Format, journaled()))
	return log
}

// formatter makes lines for the journal, and events of those that are, or lines for any other stream. As text they have no time
// in the journal, which shows its own; as JSON they are whole, for a program to read.
func formatter(format config.LogFormat, journaled bool) logrus.Formatter {
	var f logrus.Formatter = &logrus.TextFormatter{DisableTimestamp: journaled}
	if format == config.LogJSON {
		f = &logrus.JSONFormatter{}
	}
	if journaled {
		f = forEvents{forJournal{f}}
	}
	return f
}

func level(c config.Log) logrus.Level {
	l, err := logrus.ParseLevel(string(c.Level))
	if err != nil {
		return logrus.InfoLevel // validated before: cannot be
	}
	return l
}

// observers are the interceptors that see every call and change none, the
// outermost first.
func observers(log *logrus.Logger, registry *prometheus.Registry) []grpc.StreamServerInterceptor {
	panics := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "cri_logshim", Name: "call_panics_total", Help: "Panics that made a CRI call fail.",
	})
	calls := grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram(
		grpcprom.WithHistogramBuckets(prometheus.ExponentialBuckets(0.0005, 4, 10)))) // to 131 s
	registry.MustRegister(panics, calls)
	return []grpc.StreamServerInterceptor{
		recovery.StreamServerInterceptor(recovery.WithRecoveryHandler(func(p any) error {
			panics.Inc()
			event.Panic.On(log).WithField("stack", string(debug.Stack())).Errorf("panic in a call: %v", p)
			return status.Errorf(codes.Internal, "cri-logshim: panic: %v", p)
		})),
		proxy.WithRealKind(calls.UnaryServerInterceptor(), calls.StreamServerInterceptor()),
		logCalls(log),
	}
}

// logCalls logs every call at level debug, and costs nothing at any other.
func logCalls(log *logrus.Logger) grpc.StreamServerInterceptor {
	logger := logging.LoggerFunc(func(_ context.Context, _ logging.Level, msg string, fields ...any) {
		entry := logrus.NewEntry(log)
		for i := 0; i+1 < len(fields); i += 2 {
			entry = entry.WithField(fmt.Sprint(fields[i]), fields[i+1])
		}
		entry.Debug(msg)
	})
	only := logging.WithLogOnEvents(logging.FinishCall)
	logged := proxy.WithRealKind(logging.UnaryServerInterceptor(logger, only), logging.StreamServerInterceptor(logger, only))
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if !log.IsLevelEnabled(logrus.DebugLevel) {
			return handler(srv, ss)
		}
		return logged(srv, ss, info, handler)
	}
}
