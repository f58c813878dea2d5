package logmgr

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/retention"
)

const (
	// longestAsk is how long a full disk waits for an answer who reads the logs, and orderedAsk
	// how long whoever asks for files to be removed does.
	longestAsk = time.Second
	orderedAsk = 5 * time.Second
	// smallestUrged is the size in bytes on disk up to which a current log is not
	// rotated to win space.
	smallestUrged = 1 << 20
)

// holding is what a history has on disk, or what keepDir alone has of a directory.
type holding struct {
	*history
	names map[string]bool // of the logs that containers have
	live  []*containerLog // those of running containers
	awake bool            // somebody tends one of them

	logs   []logfile.Log
	stock  stock
	disk   int64 // bytes of all its files
	missed map[string]unread
}

// holdings lists all histories, without looking at a file. None are there when ctx is
// done.
func (m *Manager) holdings(ctx context.Context) (all []*holding) {
	err := m.ask(ctx, func(r *registry) {
		for _, h := range r.histories {
			hold := &holding{history: h, names: h.known()}
			for _, l := range h.logs {
				hold.awake = hold.awake || l.awake
				if l.live != nil {
					hold.live = append(hold.live, l)
				}
			}
			all = append(all, hold)
		}
	})
	if err != nil {
		return nil // what is written down later is nobody's concern
	}
	slices.SortFunc(all, func(a, b *holding) int { return cmp.Compare(a.path, b.path) })
	return all
}

// measure looks at the holding's files.
func (h *holding) measure(m *Manager) bool {
	defer m.work.begin("look at the files in "+h.path, stuckFile)()
	err := m.inDir(h.dir, func(dir *logfile.Dir) (err error) {
		h.logs, err = h.scan(dir)
		return err
	})
	if err != nil {
		m.metrics.failed(stepCount)
		h.complain("cannot look at the container's log files", err)
		h.logs = nil
		return false
	}
	h.stock = takeStock(h.logs, h.names)
	h.disk = h.stock.fixed.Disk
	for _, p := range h.stock.removable {
		h.disk += p.disk()
	}
	for _, log := range h.logs {
		for _, f := range log.Temporary {
			h.disk += f.Disk
		}
	}
	return true
}

// keptOnly lists what only keepDir has, by directory.
func (m *Manager) keptOnly() (all []*holding) {
	store := m.keeper.opened()
	if store == nil {
		return nil
	}
	defer m.work.begin("look at the files in keepDir", stuckFile)()
	files, err := store.Inventory()
	if err != nil {
		m.metrics.failed(stepKeep)
		m.complain("cannot look through all of keepDir", err)
	}
	of := map[string]*holding{}
	for _, f := range files {
		hold := of[f.Dir]
		if hold == nil {
			hold = &holding{history: &history{
				m: m, dir: f.Dir, path: filepath.Join(m.KeepDir, f.Dir),
			}}
			of[f.Dir] = hold
			all = append(all, hold)
		}
		p := piece{files: []logfile.File{f.File}, kept: true, current: f.Stamp.IsZero(), rotated: f.Stamp.Time()}
		if p.current {
			p.rotated = f.ModTime
		}
		hold.stock.removable = append(hold.stock.removable, p)
		hold.disk += f.Disk
	}
	for _, hold := range all {
		slices.SortStableFunc(hold.stock.removable, func(a, b piece) int { return a.rotated.Compare(b.rotated) })
	}
	return all
}

// inventory looks at all files there are.
func (m *Manager) inventory(ctx context.Context) (all []*holding) {
	for _, h := range m.holdings(ctx) {
		if ctx.Err() == nil && h.measure(m) {
			all = append(all, h)
		}
	}
	return append(all, m.keptOnly()...)
}

// whoReads finds out for all of them at once what readers have not finished, unless that takes
// longer than patience.
func (m *Manager) whoReads(ctx context.Context, all []*holding, patience time.Duration) error {
	queues := make([][][]logfile.File, len(all))
	var ids []logfile.ID
	for i, h := range all {
		if len(h.logs) == 0 || len(h.stock.removable) == 0 {
			continue
		}
		queues[i] = h.audience.queues(h.logs)
		ids = append(ids, idsOf(queues[i])...)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := time.Now()
	found, err := m.lookout.ask(ctx, ids)
	if err != nil {
		m.metrics.failed(stepReaders)
		return err
	}
	for i, h := range all {
		if queues[i] != nil {
			h.missed = m.missedIn(h.history, h.logs, queues[i], found, asked)
		}
	}
	return nil
}

// item is what retention needs to know of a piece.
func (h *holding) item(owner int, p piece) retention.Item {
	item := retention.Item{Container: owner, Kept: p.kept, Rotated: p.rotated, Disk: p.disk()}
	for _, f := range p.files {
		item.Unread += h.missed[f.Name].bytes
	}
	if item.Unread == 0 && p.unread(h.missed) {
		item.Unread = 1 // its reader is away for a short while
	}
	return item
}

// removeFor removes just enough to mend a shortage, or all that may go. What is held
// keeps all later files of its container, and others go instead.
func (m *Manager) removeFor(ctx context.Context, all []*holding, s shortage) (gone freed) {
	mend(ctx, all, s, func(h *holding, reason retention.Reason) freed {
		files, _ := m.removeNext(h, reason)
		f := freedBy(files)
		gone.bytes += f.bytes
		gone.inodes += f.inodes
		return f
	})
	return gone
}

// mend has the oldest piece of one holding after the other removed, until a shortage is made
// good or nothing may go any more. Remove takes the piece from the holding in any case.
func mend(ctx context.Context, all []*holding, s shortage, remove func(*holding, retention.Reason) freed) {
	for s.any() && ctx.Err() == nil {
		var items []retention.Item
		usage := map[int]int64{}
		for owner, h := range all {
			usage[owner] = h.disk
			for _, p := range h.stock.removable {
				items = append(items, h.item(owner, p))
			}
		}
		chosen := retention.Plan(items, usage, s.need())
		if len(chosen) == 0 {
			return
		}
		for _, i := range chosen {
			if !s.any() || ctx.Err() != nil {
				return
			}
			if h := all[items[i].Container]; len(h.stock.removable) > 0 { // or else an earlier one was held
				s = s.less(remove(h, s.reason()))
			}
		}
	}
}

// removeNext removes the oldest piece of a holding that has one, as removeOf does. When it cannot
// go, none of the holding's may go any more.
func (m *Manager) removeNext(h *holding, reason retention.Reason) (gone []logfile.File, whole bool) {
	gone, whole = m.removeOf(h, h.takeNext(), reason)
	if !whole {
		h.stock.removable = nil
	}
	h.disk -= freedBy(gone).bytes
	return gone, whole
}

// removeOf removes a piece of a holding, unless it is held, and tells what has gone of it and
// whether that is all there was.
func (m *Manager) removeOf(h *holding, p piece, reason retention.Reason) (gone []logfile.File, whole bool) {
	defer m.work.begin("remove old files in "+h.path, stuckFile)()
	held := false
	remove := func(dir *logfile.Dir) (err error) {
		gone, held, err = m.removePiece(h.history, dir, p, reason, h.missed)
		return err
	}
	var err error
	if p.kept {
		err = remove(nil) // it opens the directory in keepDir itself
		m.keeper.poke()
	} else {
		err = m.inDir(h.dir, remove)
		h.touched.Store(true)
	}
	if err != nil {
		m.metrics.failed(stepRemove)
		h.complain("cannot remove old files of the container's log", err)
	}
	return gone, !held && err == nil
}

// takeNext takes the oldest piece out of what may be removed.
func (h *holding) takeNext() piece {
	p := h.stock.removable[0]
	h.stock.removable = h.stock.removable[1:]
	return p
}

// urge has the largest current logs rotated, so that their files may go, if their
// container has more than its share. It returns how many more are to be rotated now.
func (p *pressure) urge(m *Manager, all []*holding, need int64) (n int) {
	if m.inability.known() {
		return 0
	}
	type large struct {
		log  *containerLog
		disk int64
	}
	usage, total := make([]int64, len(all)), int64(0)
	for i, h := range all {
		usage[i] = h.disk
		total += h.disk
	}
	share := retention.Share(usage, total-need)
	var logs []large
	for _, h := range all {
		if len(h.live) == 0 || h.disk <= share || !h.policy.Load().rotates() {
			continue
		}
		for _, l := range h.live {
			i := slices.IndexFunc(h.logs, func(log logfile.Log) bool { return log.Name == l.name })
			if i >= 0 && h.logs[i].Current != nil && h.logs[i].Current.Disk > smallestUrged {
				logs = append(logs, large{l, h.logs[i].Current.Disk})
			}
		}
	}
	slices.SortStableFunc(logs, func(a, b large) int { return cmp.Compare(b.disk, a.disk) })
	for _, large := range logs {
		if need <= 0 {
			break
		}
		need -= large.disk
		if large.log.urged.CompareAndSwap(false, true) {
			n++
			p.urged = append(p.urged, large.log)
			m.mail.post(func(r *registry) { r.wake(large.log) })
		}
	}
	return n
}

// relax takes back what was urged and has not been done.
func (p *pressure) relax() {
	for _, l := range p.urged {
		l.urged.Store(false)
	}
	p.urged = nil
}
