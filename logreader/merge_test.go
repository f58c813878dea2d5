package logreader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// several is a source of several containers, by name. Those that it does not have are gone.
type several map[string]*memory

func (several) Pods(context.Context) ([]logreader.Pod, error) { return nil, nil }

func (several) Containers(context.Context, logreader.Pod) ([]string, error) { return nil, nil }

func (s several) Files(ctx context.Context, c logreader.Container) (logreader.Listing, error) {
	if m := s[c.Name]; m != nil {
		return m.Files(ctx, c)
	}
	return logreader.Listing{}, fmt.Errorf("logs of %s: %w", c.Name, fs.ErrNotExist)
}

func (s several) Open(ctx context.Context, c logreader.Container, f logreader.File) (logreader.Handle, error) {
	return s[c.Name].Open(ctx, c, f)
}

func (s several) Watch(ctx context.Context, c logreader.Container) (logreader.Bell, error) {
	return s[c.Name].Watch(ctx, c)
}

// numbered adds a file to m with a line for each number, so many seconds after began.
func numbered(m *memory, f logreader.File, numbers ...int) {
	var b bytes.Buffer
	for _, n := range numbers {
		fmt.Fprintf(&b, "%s stdout F %d\n", began.Add(time.Duration(n)*time.Second).Format(time.RFC3339Nano), n)
	}
	m.add(f, bytes.NewReader(b.Bytes()), int64(b.Len()))
}

// readMerged reads the containers of src together.
func readMerged(t *testing.T, src logreader.Source, o logreader.Options, names ...string) (lines []string, warned []error, err error) {
	t.Helper()
	o.Tail = logreader.All
	o.Warn = func(err error) { warned = append(warned, err) }
	var all []logreader.Container
	for _, name := range names {
		all = append(all, logreader.Container{Pod: app().Pod, Name: name})
	}
	r := logreader.New(src, all, o)
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		line, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return lines, warned, nil
		}
		if err != nil {
			return lines, warned, err
		}
		lines = append(lines, string(line.Text))
	}
}

// A container whose logs are gone, or that has no attempt of those that are asked for, takes
// nothing away from the others, and is told of. Where no container can be read, that is an error.
func TestMergedWithoutOne(t *testing.T) {
	restarted, once := &memory{}, &memory{}
	numbered(restarted, logreader.File{Attempt: 0}, 1, 3)
	numbered(restarted, logreader.File{Attempt: 1}, 5)
	numbered(once, logreader.File{Attempt: 0}, 2, 4)
	src := several{"restarted": restarted, "once": once}
	for name, test := range map[string]struct {
		o    logreader.Options
		of   []string
		want []string
	}{
		"one is gone":                   {logreader.Options{}, []string{"once", "gone", "restarted"}, []string{"1", "2", "3", "4", "5"}},
		"one has no attempt before its": {logreader.Options{Previous: true}, []string{"once", "restarted"}, []string{"1", "3"}},
	} {
		lines, warned, err := readMerged(t, src, test.o, test.of...)
		if !slices.Equal(lines, test.want) || len(warned) != 1 || err != nil {
			t.Errorf("%s: read %q, want %q; warned of %v; %v", name, lines, test.want, warned, err)
		}
	}
	if lines, _, err := readMerged(t, src, logreader.Options{}, "gone", "too"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of containers that are gone: %q, %v", lines, err)
	}
}

// held is a memory of whose files none is settled at first.
type held struct{ *memory }

func (h held) Open(ctx context.Context, c logreader.Container, f logreader.File) (logreader.Handle, error) {
	handle, err := h.memory.Open(ctx, c, f)
	return &heldHandle{Handle: handle}, err
}

type heldHandle struct {
	logreader.Handle
	asked int
}

func (h *heldHandle) Settled() (bool, error) {
	h.asked++
	return h.asked > 5, nil
}

type withHeld struct {
	several
	held held
}

func (s withHeld) Open(ctx context.Context, c logreader.Container, f logreader.File) (logreader.Handle, error) {
	if c.Name == "held" {
		return s.held.Open(ctx, c, f)
	}
	return s.several.Open(ctx, c, f)
}

// What comes after a file that is just being rotated is waited for: others must not overtake it.
func TestMergedWhileOneIsRotated(t *testing.T) {
	rotating, other := &memory{}, &memory{}
	numbered(rotating, logreader.File{Rotated: began.Add(time.Hour)}, 1)
	numbered(rotating, logreader.File{}, 2, 4)
	numbered(other, logreader.File{}, 3, 5)
	src := withHeld{several{"held": rotating, "other": other}, held{rotating}}
	lines, warned, err := readMerged(t, src, logreader.Options{}, "held", "other")
	if want := []string{"1", "2", "3", "4", "5"}; !slices.Equal(lines, want) || len(warned) > 0 || err != nil {
		t.Errorf("read %q, want %q; warned of %v; %v", lines, want, warned, err)
	}
}
