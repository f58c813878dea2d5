package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/terminal"
	"github.com/cri-logshim/cri-logshim/top"
)

const topHelp = `Show what the logs of this node do, live: how fast each grows, how full its current file
is, what all its files take on disk, and above them what is wrong with the daemon, if
anything. Rows are sorted and filtered by keys, which ? tells, or by flags.

Where the output is no terminal, or with --plain, tables are written as text instead, one
at each interval; with -o json an object a line.

The daemon is asked at its admin socket, which is root's.`

const topExample = `  # Who is filling this disk?
  cri-logshim top
  cri-logshim top --sort disk

  # The logs of one namespace, of pods that begin with web
  cri-logshim top --namespace shop --filter ^shop/web

  # Once, for a script: the three that grow the fastest
  cri-logshim top --once -o json | jq -r '.logs[:3][] | "\(.bytesPerSecond) \(.pod)"'`

// topFlags are what the command line says of top.
type topFlags struct {
	interval          time.Duration
	sort              string
	reverse           bool
	namespace, filter string
	plain, once       bool
	times             int
	output            *output
	color             *terminal.ColorFlags
}

func newTopCommand() *cobra.Command {
	var f topFlags
	var a asking
	cmd := &cobra.Command{
		Use:     "top",
		Short:   "Show live which logs grow, and what they take",
		Long:    topHelp,
		Example: topExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := f.options(cmd.OutOrStdout(), os.Getenv)
			if err != nil {
				return exitcode.With(exitcode.Usage, err)
			}
			source, err := a.client(cmd)
			if err != nil {
				return err
			}
			return f.run(cmd, source, asked)
		},
	}
	a.addFlags(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&f.interval, "interval", 2*time.Second, "the `time` to wait before the daemon is asked again")
	flags.StringVar(&f.sort, "sort", string(top.ByRate), "`order` of the rows: rate, disk, current, rotations or name")
	flags.BoolVar(&f.reverse, "reverse", false, "reverse the order")
	flags.StringVar(&f.namespace, "namespace", "", "show the logs of one `namespace` only")
	flags.StringVar(&f.filter, "filter", "", "show logs only in whose namespace/pod/container an RE2 `expression` is found, in any case")
	flags.BoolVar(&f.plain, "plain", false, "write tables as text, on a terminal too")
	flags.BoolVar(&f.once, "once", false, "write one table and end, as --plain -n 1")
	flags.IntVarP(&f.times, "iterations", "n", 0, "write this `number` of tables and end, as text; 0: without end")
	f.output = addOutputFlag(cmd, outputTable, outputJSON)
	f.color = terminal.AddColorFlags(flags)
	completeColor(cmd)
	orders := make([]string, 0, len(top.Orders()))
	for _, order := range top.Orders() {
		orders = append(orders, string(order))
	}
	completeWords(cmd, "sort", orders...)
	return cmd
}

// options are what the flags and the environment ask for.
func (f *topFlags) options(out io.Writer, env func(string) string) (top.Options, error) {
	order, err := top.ParseOrder(f.sort)
	if err != nil {
		return top.Options{}, fmt.Errorf("--sort: %w", err)
	}
	filter, err := top.ParseFilter(f.namespace, f.filter)
	if err != nil {
		return top.Options{}, fmt.Errorf("--filter: %w", err)
	}
	color, err := f.color.Color(out, env)
	if err != nil {
		return top.Options{}, err
	}
	switch {
	case f.times < 0:
		return top.Options{}, fmt.Errorf("-n %d: must be 0 or more", f.times)
	case f.once && f.times > 1:
		return top.Options{}, fmt.Errorf("--once and -n %d: only one of them can hold", f.times)
	case f.once:
		f.times = 1
	}
	asked := top.Options{
		Interval: f.interval, Order: order, Reverse: f.reverse, Filter: filter,
		Colour: color, ASCII: knowsOnlyASCII(env),
	}
	if err := asked.Check(); err != nil {
		return top.Options{}, fmt.Errorf("--interval: %w", err)
	}
	return asked, nil
}

// knowsOnlyASCII tells whether the locale says that the terminal shows nothing else. Where
// there is no locale nothing is known, and terminals that show UTF-8 are the rule.
func knowsOnlyASCII(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(env(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return false
}

// asText tells whether text is wanted wherever it goes.
func (f *topFlags) asText() bool { return f.plain || f.times > 0 || f.output.format == outputJSON }

// canBeDrawnOn tells whether there is a terminal that moves its cursor. Serial consoles often do
// not know their size, and then there is no telling where anything would be.
func canBeDrawnOn(in io.Reader, out io.Writer, term string) bool {
	return terminal.Is(in) && terminal.Is(out) && terminal.Width(out) > 0 && term != "" && term != "dumb"
}

// run shows the logs, live or as text, until the operator or a signal ends it.
func (f *topFlags) run(cmd *cobra.Command, source top.Source, o top.Options) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	in, out := cmd.InOrStdin(), cmd.OutOrStdout()
	var err error
	if f.asText() || !canBeDrawnOn(in, out, os.Getenv("TERM")) {
		err = top.Plain(ctx, source, top.PlainOptions{Options: o, JSON: f.output.format == outputJSON, Times: f.times, Trouble: cmd.ErrOrStderr()}, out)
	} else {
		err = top.Live(ctx, source, o, in, out)
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return exitcode.With(exitcode.Interrupted, exitcode.ErrTold)
	}
	return err
}
