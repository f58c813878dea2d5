package logcmd_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
)

// half is a source of one log of two files, of which nobody may read the older one.
type half struct{ logreader.Source }

const refused = "0.log.1"

func (half) Files(context.Context, logreader.Container) (logreader.Listing, error) {
	older := logreader.File{Name: refused, Key: refused, Rotated: time.Unix(1, 0), ID: logreader.ID{Inode: 1}}
	return logreader.Listing{Files: []logreader.File{older, {Name: "0.log", ID: logreader.ID{Inode: 2}}}}, nil
}

func (half) Open(_ context.Context, _ logreader.Container, f logreader.File) (logreader.Handle, error) {
	if f.Name == refused {
		return nil, fs.ErrPermission
	}
	const record = "2026-01-31T12:00:00Z stdout F text\n"
	return opened{io.NewSectionReader(strings.NewReader(record), 0, int64(len(record)))}, nil
}

type opened struct{ *io.SectionReader }

func (o opened) Size() (int64, error) { return o.SectionReader.Size(), nil }

func (opened) Settled() (bool, error) { return true, nil }

func (opened) Close() error { return nil }

// full is an output that takes nothing.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// That some of the logs could not be read, which was told, does not hide that the output has failed at its end, which
// was not.
func TestShowPartly(t *testing.T) {
	for _, test := range []struct {
		out    io.Writer
		partly bool
	}{{io.Discard, true}, {full{}, false}} {
		printer, err := logprint.New(test.out, logprint.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o := logreader.Options{Tail: logreader.All}
		err = logcmd.Show(t.Context(), half{}, []logreader.Container{{Name: "app"}}, o, printer)
		if errors.Is(err, logcmd.ErrPartly) != test.partly || errors.Is(err, errFull) == test.partly {
			t.Errorf("into %T: %v", test.out, err)
		}
	}
}
