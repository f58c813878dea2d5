package nodelogs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// Places say where logs are below /var/log, as "a/b".
type Places struct {
	Live string // of pods that there are
	Kept string // of those that were removed
}

// DefaultPlaces are those of kubelet's podLogsDir and of keepDir.
func DefaultPlaces() Places { return Places{Live: "pods", Kept: "cri-logshim/kept"} }

const (
	looks   = 5 // how often a directory is read that keeps changing
	pace    = time.Second
	settled = 3 * time.Second // a file that was not written to for so long is not written to any more
	atOnce  = 8               // how many files are looked at at the same time
)

// Source is a logreader.Source of the logs of one node.
type Source struct {
	server *Server
	places Places

	mu sync.Mutex
	// known are the files of each container's last listing that will not change any more, by name.
	known map[logreader.Container]map[string]Info
	// ahead is what the node's local time is before UTC, once that is known (zoned).
	ahead time.Duration
	zoned bool
}

// NewSource reads what a server has in the given places.
func NewSource(server *Server, places Places) (*Source, error) {
	for _, place := range []string{places.Live, places.Kept} {
		for name := range strings.SplitSeq(place, "/") {
			if !isName(name) {
				return nil, fmt.Errorf("%q is no directory below /var/log", place)
			}
		}
	}
	return &Source{server: server, places: places, known: map[logreader.Container]map[string]Info{}}, nil
}

func (s *Source) roots() []string { return []string{s.places.Live, s.places.Kept} }

// list lists what is in a directory below a root; none: it is not there.
func (s *Source) list(ctx context.Context, root string, below ...string) (entries []Entry, there bool, err error) {
	entries, err = s.server.List(ctx, append(strings.Split(root, "/"), below...)...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return entries, err == nil, err
}

// directories are the names of directories in all roots, each once.
func (s *Source) directories(ctx context.Context, below ...string) ([]string, error) {
	var names []string
	for _, root := range s.roots() {
		entries, _, err := s.list(ctx, root, below...)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Dir {
				names = append(names, e.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Pods implements logreader.Source.
func (s *Source) Pods(ctx context.Context) ([]logreader.Pod, error) {
	names, err := s.directories(ctx)
	return logreader.PodsOf(names), err
}

// Containers implements logreader.Source.
func (s *Source) Containers(ctx context.Context, p logreader.Pod) ([]string, error) {
	return s.directories(ctx, p.Directory())
}

// Files implements logreader.Source. A rotation between the reading of two names could hide a file, so
// two looks that have seen the same are one listing.
func (s *Source) Files(ctx context.Context, c logreader.Container) (logreader.Listing, error) {
	var last []logreader.File
	for n := 1; ; n++ {
		now, err := s.look(ctx, c)
		if err != nil {
			return now, err
		}
		if n > 1 && slices.EqualFunc(last, now.Files, func(a, b logreader.File) bool { return a.Name == b.Name }) || n == looks {
			err := s.measure(ctx, c, now.Files)
			s.correct(now.Files)
			return now, err
		}
		last = now.Files
	}
}

// look reads a container's directories once.
func (s *Source) look(ctx context.Context, c logreader.Container) (logreader.Listing, error) {
	var now logreader.Listing
	found := false
	seen := map[string]int{}
	for _, root := range s.roots() {
		entries, there, err := s.list(ctx, root, c.Directory(), c.Name)
		if err != nil {
			return now, err
		}
		found = found || there
		now.Ended = now.Ended || root == s.places.Live && !there
		for _, e := range entries {
			f, ok, foreign := fileOf(e.Name)
			if foreign && !e.Dir {
				now.PassedOver = append(now.PassedOver, fmt.Errorf("%s/%s/%s is passed over: its name is not that of a rotated log", c.Directory(), c.Name, e.Name))
			}
			if !ok || e.Dir {
				continue
			}
			// A file that is kept has the same name in both; a plain file and its compressed twin have one
			// key, and the plain one is read.
			key := cmp.Or(f.Key, f.Name)
			f.Name = root + "/" + f.Name
			i, twice := seen[key]
			switch {
			case !twice:
				seen[key] = len(now.Files)
				now.Files = append(now.Files, f)
			case f.Compression == logreader.Plain && now.Files[i].Compression != logreader.Plain:
				now.Files[i] = f
			}
		}
	}
	if !found {
		return now, fmt.Errorf("logs of %s/%s/%s on node %q: %w", c.Namespace, c.Pod.Name, c.Name, s.server.node, fs.ErrNotExist)
	}
	slices.SortStableFunc(now.Files, logreader.File.Compare)
	return now, nil
}

// measure asks for sizes and times. A file that has another name by now keeps none.
func (s *Source) measure(ctx context.Context, c logreader.Container, files []logreader.File) error {
	s.mu.Lock()
	known := s.known[c]
	s.mu.Unlock()
	infos := make([]Info, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, f := range files {
		if info, ok := known[f.Name]; ok {
			infos[i] = info
			continue
		}
		group.Go(func() (err error) {
			infos[i], err = s.server.Stat(ctx, path(c, f.Name)...)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	lasting := map[string]Info{}
	for i, info := range infos {
		files[i].Size, files[i].LastWrite = info.Size, info.Modified
		if !files[i].Current() && info.isSettled() {
			lasting[files[i].Name] = info
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[c] = lasting
	return nil
}

// path is that of a file of a listing below /var/log.
func path(c logreader.Container, name string) []string {
	parts := strings.Split(name, "/")
	root, file := parts[:len(parts)-1], parts[len(parts)-1]
	return append(slices.Clone(root), c.Directory(), c.Name, file)
}

// Open implements logreader.Source.
func (s *Source) Open(ctx context.Context, c logreader.Container, f logreader.File) (logreader.Handle, error) {
	h := &handle{ctx: ctx, server: s.server, path: path(c, f.Name), current: f.Current()}
	if !h.current {
		_, err := h.Size()
		return h, err
	}
	var err error
	h.rotated = func() (map[string]bool, error) { return s.rotated(ctx, c, f.Attempt) }
	if h.before, err = h.rotated(); err != nil {
		return nil, err
	}
	h.head, err = h.readHead()
	return h, err
}

// rotated are the keys of the rotated files of an attempt.
func (s *Source) rotated(ctx context.Context, c logreader.Container, attempt uint32) (map[string]bool, error) {
	now, err := s.look(ctx, c)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for _, f := range now.Files {
		if f.Attempt == attempt && !f.Current() {
			keys[f.Key] = true
		}
	}
	return keys, nil
}

// Watch implements logreader.Source. Nobody rings from afar, so it is looked once a second.
func (*Source) Watch(context.Context, logreader.Container) (logreader.Bell, error) {
	return bell{}, nil
}

type bell struct{}

// Wait implements logreader.Bell.
func (bell) Wait(ctx context.Context) error { return logreader.Pause(ctx, pace) }

// Close implements logreader.Bell.
func (bell) Close() error { return nil }
