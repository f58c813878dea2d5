package logmgr

import (
	"slices"
	"strings"
	"sync"
)

// tally is what has been counted of one log, or of many.
type tally struct {
	written, rotations int64
	overshoot          float64 // the largest size of a rotated file as a share of maxSize
	// Bytes of files that were compressed, before and after.
	packedFrom, packedTo int64
}

func (t *tally) add(o tally) {
	t.written += o.written
	t.rotations += o.rotations
	t.overshoot = max(t.overshoot, o.overshoot)
	t.packedFrom += o.packedFrom
	t.packedTo += o.packedTo
}

// sumName is what logs are summed up by: a namespace alone, or a container of a pod. A pod that is
// made anew under its name goes on with its sum.
type sumName struct{ namespace, pod, container string }

// account counts what happens to all logs of one name. What has been counted stays when a log goes:
// a sum over the logs that are there would fall, which Prometheus takes for a restart.
type account struct {
	name sumName

	mu    sync.Mutex
	tally tally

	// Owned by the book.
	logs int    // that count here
	left uint64 // when the last of them went, by the book's own count
}

func (a *account) add(t tally) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tally.add(t)
}

func (a *account) counted() tally {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tally
}

// book has an account for each name, for so many names at most, and one for all others. An account
// without logs makes room for a new name; if it does not stay, it goes with its last log.
type book struct {
	most  int
	stays bool
	other *account

	mu       sync.Mutex
	accounts map[sumName]*account
	leaves   uint64
}

// otherNamespace is that of the sum of all names that have none of their own; no name in
// Kubernetes begins like this.
const otherNamespace = "_other"

func newBook(most int, stays bool) *book {
	return &book{most: most, stays: stays, other: &account{name: sumName{namespace: otherNamespace}}, accounts: map[sumName]*account{}}
}

// enter returns the account in which a log of this name counts until it leaves.
func (b *book) enter(n sumName) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[n]
	if a == nil {
		if n == b.other.name || !b.room() {
			return b.other
		}
		a = &account{name: n}
		b.accounts[n] = a
	}
	a.logs++
	return a
}

// place is the account in which a name counts that may have no log. It gets one of its own while there
// is room, and takes nobody else's: what was counted there would be lost for it.
func (b *book) place(n sumName) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[n]
	if a == nil {
		if n == b.other.name || len(b.accounts) >= b.most {
			return b.other
		}
		a = &account{name: n}
		b.accounts[n] = a
	}
	return a
}

// room tells whether there is room for one name more, and makes some where it can.
func (b *book) room() bool {
	if len(b.accounts) < b.most {
		return true
	}
	var oldest *account
	for _, a := range b.accounts {
		if a.logs == 0 && (oldest == nil || a.left < oldest.left) {
			oldest = a
		}
	}
	if oldest == nil {
		return false
	}
	delete(b.accounts, oldest.name)
	return true
}

// leave ends what enter has begun.
func (b *book) leave(a *account) {
	if a == b.other {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaves++
	a.left = b.leaves
	if a.logs--; a.logs == 0 && !b.stays {
		delete(b.accounts, a.name)
	}
}

// of is the account in which a name counts now.
func (b *book) of(n sumName) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.accounts[n]; a != nil {
		return a
	}
	return b.other
}

// all are the accounts in the order of their names, and then that of the others.
func (b *book) all() []*account {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*account, 0, len(b.accounts)+1)
	for _, a := range b.accounts {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *account) int { return a.name.compare(b.name) })
	return append(all, b.other)
}

// text is a name of the runtime's as a label can have it: a runtime may tell anything.
func text(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }
