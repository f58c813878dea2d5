package logmgr

import "sync"

// mailbox carries functions to the one goroutine that owns the registry.
// Posting never blocks: a CRI call hands over its facts and goes on.
type mailbox struct {
	mu    sync.Mutex
	mail  []func(*registry)
	ready chan struct{} // holds a token while mail is waiting
}

func newMailbox() *mailbox {
	return &mailbox{ready: make(chan struct{}, 1)}
}

// post appends f. Functions run in the order in which they were posted.
func (b *mailbox) post(f func(*registry)) {
	b.mu.Lock()
	b.mail = append(b.mail, f)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take returns all waiting mail.
func (b *mailbox) take() []func(*registry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	mail := b.mail
	b.mail = nil
	return mail
}
