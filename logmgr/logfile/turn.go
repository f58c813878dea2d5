package logfile

import "sync"

// turns are the rights to change names in directories, by their path below a root.
type turns struct {
	mu   sync.Mutex
	busy map[string]*turn // directories that are being worked on, or waited for
}

type turn struct {
	sync.Mutex
	users int
}

// Turn waits for the turn to change which names there are in the directory rel of a root
// of second names; end gives it back. Whoever removes both names of a file has it: in
// between, the file looks as if its second name was yet to be made.
func (r *Root) Turn(rel string) (end func()) {
	ts := &r.turns
	ts.mu.Lock()
	t := ts.busy[rel]
	if t == nil {
		if ts.busy == nil {
			ts.busy = map[string]*turn{}
		}
		t = &turn{}
		ts.busy[rel] = t
	}
	t.users++
	ts.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		ts.mu.Lock()
		defer ts.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(ts.busy, rel)
		}
	}
}

// twinTurn is the turn in the directory's twin, if there are any.
func (d *Dir) twinTurn() (end func()) {
	if twin := d.root.twin.Load(); twin != nil {
		return twin.Turn(d.rel)
	}
	return func() {}
}
