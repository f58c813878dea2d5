package logmgr

import "sync"

// mailbox carries work to the one goroutine that does it, such as functions to the
// owner of the registry. Posting never blocks: a CRI call hands over its facts and
// goes on.
type mailbox[T any] struct {
	mu    sync.Mutex
	mail  []T
	ready chan struct{} // holds a token while mail is waiting
}

func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{ready: make(chan struct{}, 1)}
}

// post appends x. Mail is taken in the order in which it was posted.
func (b *mailbox[T]) post(x T) {
	b.mu.Lock()
	b.mail = append(b.mail, x)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take returns all waiting mail.
func (b *mailbox[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	mail := b.mail
	b.mail = nil
	return mail
}
