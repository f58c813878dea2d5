package logmgr

import (
	"context"
	"fmt"
	"path"
	"time"
)

// View is what is known of all logs at one moment.
type View struct {
	// Logs are in no order: one for each container, its latest attempt.
	Logs []LogView
	// Rotations is how many there were since the process began.
	Rotations int64
	// Active is how many logs have been written to within the last five seconds.
	Active int
	// Disk is what is known of the bytes on disk.
	Disk DiskView
}

// DiskView is what all logs take, in bytes. A field is nil where nobody has counted yet.
type DiskView struct {
	Logs *int64 // the runtime's own files and Kept included
	Kept *int64 // of removed pods and attempts, as of the last look through keepDir

	keptAlone map[string]int64 // of pods of which no log is known, by namespace
}

// LogView is what is known of the log of one container, of all its attempts where kubelet
// chose the path.
type LogView struct {
	Container // its latest attempt, without labels and annotations
	Path      string
	Elsewhere bool
	// NotManaged says why the log is not held to its policy; empty: it is.
	NotManaged string
	Policy     Policy

	// CurrentBytes is the size of the file that is written to, as of the last look; DiskBytes
	// is what all files take, and Files how many they are. nil: not counted yet.
	CurrentBytes, DiskBytes *int64
	Files                   *int

	BytesPerSecond int64
	// BytesWritten and Rotations are since the log became known.
	BytesWritten, Rotations int64
	LastRotation, LastWrite time.Time // zero: none is known
	// Overshoot is the largest size of a rotated file as a share of maxSize; 0: none.
	Overshoot float64
	// PackedFrom and PackedTo are the bytes of compressed files, before and after.
	PackedFrom, PackedTo int64
	// LastError is what went wrong last, within ten minutes; empty: nothing.
	LastError string

	active bool
}

// View copies what is known. It touches no file. While another process manages the logs nothing is
// known, and Trouble says so.
func (m *Manager) View(ctx context.Context) (View, error) {
	if !m.works() {
		return View{}, nil
	}
	var v View
	if err := m.ask(ctx, func(r *registry) { v = r.view(time.Now()) }); err != nil {
		return View{}, fmt.Errorf("ask the log manager: %w", err) // it may still write to v
	}
	return v, nil
}

// view copies what the registry knows.
func (r *registry) view(now time.Time) View {
	v := View{Logs: make([]LogView, 0, len(r.histories)), Rotations: r.metrics.swaps.Load()}
	latest := make(map[*history]*container, len(r.histories))
	own := map[*history]int64{} // bytes of the runtime's own files, of all attempts
	for _, c := range r.containers {
		if c.log == nil {
			v.Logs = append(v.Logs, r.viewOfNone(c))
			continue
		}
		h := c.log.history
		if l, is := r.elsewhere.seen.of(c.ID); is && l.File != "" {
			own[h] += l.DiskBytes
		}
		if other := latest[h]; other == nil || c.owns(other) {
			latest[h] = c
		}
	}
	disk, counted := r.elsewhere.seen.total(), true
	for h, c := range latest {
		l := r.viewOf(h, c, now)
		if bytes, is := own[h]; is && l.Elsewhere {
			l.DiskBytes = &bytes
		}
		v.Logs = append(v.Logs, l)
		if l.active {
			v.Active++
		}
		switch {
		case l.Elsewhere: // it is in the sum
		case l.DiskBytes == nil:
			counted = false
		default:
			disk += *l.DiskBytes
		}
	}
	if r.keeper.dir != "" {
		kept := int64(0)
		v.Disk.keptAlone = r.keptAlone(&kept)
		v.Disk.Kept = &kept
		for _, bytes := range v.Disk.keptAlone {
			disk += bytes
		}
	}
	if counted {
		v.Disk.Logs = &disk
	}
	return v
}

// keptAlone is what only keepDir has of those of whom no log is known, in bytes by namespace; what it
// has of the others is counted with their files. All of it is added to kept.
func (r *registry) keptAlone(kept *int64) map[string]int64 {
	known := make(map[string]bool, len(r.histories))
	for _, h := range r.histories {
		known[h.dir] = true
	}
	alone := map[string]int64{}
	for dir, bytes := range *r.keeper.alone.Load() {
		*kept += bytes
		if !known[dir] {
			alone[namespaceOf(dir)] += bytes
		}
	}
	return alone
}

// viewOfNone is of a container whose log nobody looks at.
func (r *registry) viewOfNone(c *container) LogView {
	v := LogView{Container: c.Container, Path: c.LogPath, NotManaged: r.refusals[c.ID]}
	if c.LogDirectory != "" && c.LogPath != "" {
		v.Path = path.Join(c.LogDirectory, c.LogPath)
	}
	if v.NotManaged == "" {
		v.NotManaged = "its output is thrown away"
	}
	return v
}

func (r *registry) viewOf(h *history, c *container, now time.Time) LogView {
	v := LogView{Container: c.Container, Path: c.path, Elsewhere: c.where.away(), NotManaged: r.unmanaged(c), Policy: *h.policy.Load()}
	h.meter.show(&v, now)
	if v.Elsewhere {
		v.Files, v.DiskBytes = nil, nil
		if l, is := r.elsewhere.seen.of(c.ID); is && l.File != "" {
			v.CurrentBytes, v.Rotations = &l.Bytes, l.Rotations
		}
		return v
	}
	if size, known := c.log.weight(); known {
		v.CurrentBytes = &size
	}
	for _, l := range h.logs {
		if _, known := l.weight(); known && v.Files != nil {
			*v.Files++
			*v.DiskBytes += l.disk.Load()
		}
	}
	return v
}

// unmanaged is why a container's log is not held to its policy.
func (r *registry) unmanaged(c *container) string {
	switch {
	case c.where.away():
		return "the runtime keeps its output in files of its own, which only it can bound"
	case r.inability.known():
		return "the runtime cannot reopen logs"
	case c.where.state.Load() == outputAwaited:
		return errWhereabouts.Error()
	}
	return ""
}

// show copies what the meter has counted.
func (m *meter) show(v *LogView, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v.BytesWritten, v.Rotations, v.Overshoot = m.written, m.rotations, m.overshoot
	v.BytesPerSecond = m.rateAt(now)
	v.active = !m.grown.IsZero() && now.Sub(m.grown) < activeFor
	v.LastWrite, v.LastRotation = moment(m.lastWrite), moment(m.rotated)
	v.PackedFrom, v.PackedTo = m.packedFrom, m.packedTo
	if m.counted {
		files, disk := int(m.files), m.disk
		v.Files, v.DiskBytes = &files, &disk
	}
	if now.Sub(m.mishapAt) < mishapFor {
		v.LastError = m.mishap
	}
}

// moment is a time in nanoseconds since 1970; 0: none.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
