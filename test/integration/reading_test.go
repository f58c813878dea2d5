package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// readLog is a log of one megabyte a second that is rotated at a limit, and read through
// the real kubelet.
type readLog struct {
	reader    *testbed.LogReader
	writer    *testbed.Container
	rotations func() (int, error) // so far
}

// readThroughShim is a log that the shim rotates, which kubelet speaks through.
func readThroughShim(t *testing.T, containerd *testbed.Containerd, limit int64, lasting time.Duration) readLog {
	t.Helper()
	shim, _ := newShim(t, containerd, func(c *config.Configuration) {
		keepAll(c)
		c.Rotation.MaxSize = config.Size(limit)
		c.Rotation.Compression = "none" // as without the shim
	})
	reader, writer := runRead(t, newKubelet(t, containerd, shim, testbed.LeftToTheShim()), lasting)
	return readLog{reader, writer, func() (int, error) {
		n, err := shim.Metric(t.Context(), "cri_logshim_rotations_total")
		return int(n), err
	}}
}

// readWithoutShim is a log that is rotated as often by the test, as kubelet would: renamed, and
// reopened by containerd, which kubelet speaks to directly.
func readWithoutShim(t *testing.T, containerd *testbed.Containerd, limit int64, lasting time.Duration) readLog {
	t.Helper()
	kubelet := startKubelet(t, containerd, testbed.KubeletOptions{Endpoint: containerd.Endpoint(), Logs: testbed.LeftToTheShim()})
	reader, writer := runRead(t, kubelet, lasting)
	ctx, cancel := context.WithCancel(t.Context())
	var work errgroup.Group
	work.Go(func() error { return rotateAt(ctx, writer, limit) })
	t.Cleanup(func() {
		cancel()
		if err := work.Wait(); err != nil {
			t.Error(err)
		}
	})
	return readLog{reader, writer, func() (int, error) { return len(rotatedNames(t, writer.LogPath())), nil }}
}

// runRead runs the writer and waits until kubelet can read its log.
func runRead(t *testing.T, kubelet *testbed.Kubelet, lasting time.Duration) (*testbed.LogReader, *testbed.Container) {
	t.Helper()
	pod, writer := runStatic(t, kubelet, "chatty", "Never", "seqwriter", "-rate=1000000", "-duration="+lasting.String())
	reader := kubelet.NewLogReader(pod)
	t.Cleanup(reader.Close)
	eventually(t, func(ctx context.Context) error {
		_, err := reader.Read(ctx, url.Values{"limitBytes": {"1"}})
		return err
	})
	return reader, writer
}

// rotateAt rotates a log whenever it has reached a limit, until ctx is done.
func rotateAt(ctx context.Context, c *testbed.Container, limit int64) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		info, err := os.Stat(c.LogPath())
		switch {
		case err != nil:
			return err
		case info.Size() < limit:
			continue
		}
		if err := os.Rename(c.LogPath(), c.LogPath()+time.Now().UTC().Format(".20060102-150405.000000000")); err != nil {
			return err
		}
		if err := c.ReopenLog(context.WithoutCancel(ctx)); err != nil {
			if _, err := os.Stat(c.LogPath()); errors.Is(err, fs.ErrNotExist) && ctx.Err() != nil {
				return nil // the container has ended
			}
			return err
		}
	}
}

// readings are the answers of kubelet to many requests for a log's last line.
type readings struct{ asked, missed, empty, rotations int }

// A reader that asks kubelet for a log finds it though it is rotated more than twice a
// second: at most one of 10,000 does not. Without the shim more of them do not.
func TestReadersFindTheLog(t *testing.T) {
	const (
		limit   = 512 << 10
		lasting = 10 * time.Second
	)
	var ours, theirs readings
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		theirs = readOften(t, readWithoutShim(t, containerd, limit, time.Hour), lasting)
		t.Logf("without the shim: %+v", theirs)
	})
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		log := readThroughShim(t, containerd, limit, time.Hour)
		// It is repeated where a busy machine gives kubelet no processor for 20 ms. Without a
		// shim some ten times as many as are allowed find no log, every time.
		for try := range 3 {
			ours = readOften(t, log, lasting)
			t.Logf("through the shim, try %d: %+v", try+1, ours)
			if ours.few() {
				break
			}
		}
	})
	for _, r := range []readings{ours, theirs} {
		if r.rotations < 10 {
			t.Errorf("%d rotations in %v show nothing", r.rotations, lasting)
		}
	}
	if !ours.few() {
		t.Errorf("through the shim %d of %d readers found no log", ours.missed, ours.asked)
	}
	if theirs.missed < ours.missed {
		t.Errorf("without the shim %d of %d readers found no log, and with it %d of %d", theirs.missed, theirs.asked, ours.missed, ours.asked)
	}
}

// few tells whether at most one of 10,000 readers found no log.
func (r readings) few() bool { return r.missed <= r.asked/10_000 }

// readOften asks for the last line of a log, four at a time, for at least 10,000 times and
// for at least so long.
func readOften(t *testing.T, log readLog, lasting time.Duration) readings {
	t.Helper()
	const atOnce, each = 4, 10_000 / 4
	before, err := log.rotations()
	if err != nil {
		t.Fatal(err)
	}
	var (
		work  errgroup.Group
		parts [atOnce]readings
		end   = time.Now().Add(lasting)
	)
	for i := range parts {
		work.Go(func() error {
			for part := &parts[i]; part.asked < each || time.Now().Before(end); part.asked++ {
				if err := part.ask(t.Context(), log.reader); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	after, err := log.rotations()
	if err != nil {
		t.Fatal(err)
	}
	sum := readings{rotations: after - before}
	for _, p := range parts {
		sum.asked, sum.missed, sum.empty = sum.asked+p.asked, sum.missed+p.missed, sum.empty+p.empty
	}
	return sum
}

// ask asks once. kubelet tells in the body what has gone wrong: by then it has answered
// that all is well.
func (r *readings) ask(ctx context.Context, reader *testbed.LogReader) error {
	text, err := reader.Read(ctx, url.Values{"tailLines": {"1"}})
	switch {
	case err != nil:
		return err
	case text == "": // the file is new
		r.empty++
	case strings.Contains(text, "no such file or directory"):
		r.missed++
	case !strings.HasPrefix(text, "stdout "):
		return fmt.Errorf("not a line of the writer: %.300q", text)
	}
	return nil
}

// A reader that follows a log through kubelet over a hundred rotations and more misses lines
// no more often than it would without the shim. There it misses what is written between its last
// look at the old file and the swap, as it does not look again once the new one is there.
func TestFollowersMissNothing(t *testing.T) {
	const (
		limit   = 384 << 10
		lasting = 45 * time.Second
	)
	var ours, theirs followed
	both := func(t *testing.T, here, there *testbed.Containerd) {
		t.Helper()
		log, other := readThroughShim(t, here, limit, lasting), readWithoutShim(t, there, limit, lasting)
		var work errgroup.Group
		work.Go(func() (err error) { ours, err = followLog(t.Context(), log); return err })
		work.Go(func() (err error) { theirs, err = followLog(t.Context(), other); return err })
		if err := work.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	onNewest(t, func(t *testing.T, here *testbed.Containerd) {
		onNewest(t, func(t *testing.T, there *testbed.Containerd) { both(t, here, there) })
	})
	t.Logf("through the shim: %+v; without: %+v", ours, theirs)
	for _, f := range []followed{ours, theirs} {
		if f.rotations < 100 {
			t.Errorf("%d rotations are not enough: %+v", f.rotations, f)
		}
	}
	// Lines would say less: on a busy machine a reader may be whole files behind once or
	// twice, with or without the shim, and then misses thousands of them at once.
	const behind = 2
	if ours.gaps > theirs.gaps+behind {
		t.Errorf("through the shim a follower missed lines %d times, and without it %d times", ours.gaps, theirs.gaps)
	}
}

// followed is what has come out of following a log. Lines that come again do so where a
// reader was more than one file behind.
type followed struct {
	lines, missed, again uint64
	gaps                 int
	rotations            int
}

// followLog follows a log to its end.
func followLog(ctx context.Context, log readLog) (f followed, err error) {
	body, err := log.reader.Open(ctx, url.Values{"follow": {"true"}})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	last := uint64(0)
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[1] == "done" {
			continue
		}
		if len(fields) < 2 || fields[0] != "stdout" {
			return f, fmt.Errorf("not a line of the writer: %.300q", lines.Text())
		}
		number, err := strconv.ParseUint(fields[1], 10, 64)
		if err != nil {
			return f, fmt.Errorf("not a line of the writer: %.300q", lines.Text())
		}
		f.count(last, number)
		last = max(last, number)
	}
	if err := lines.Err(); err != nil {
		return f, fmt.Errorf("follow a log: %w", err)
	}
	f.rotations, err = log.rotations()
	return f, err
}

// count takes a line that comes after those up to last.
func (f *followed) count(last, number uint64) {
	f.lines++
	switch {
	case number <= last:
		f.again++
	case number > last+1 && last > 0:
		f.missed += number - last - 1
		f.gaps++
	}
}
