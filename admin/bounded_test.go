package admin

import (
	"net"
	"testing"
	"testing/synctest"
)

// endless is a listener to which a client comes whenever one is accepted.
type endless struct{ net.Listener }

func (endless) Accept() (net.Conn, error) {
	_, server := net.Pipe()
	return server, nil
}

// Whoever opens more and more connections gets no more of the daemon's descriptors than the bound,
// and somebody who waits for one gets the first that is closed.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Bounded(endless{})
		var first net.Conn
		for range mostConnections {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			first = conn
		}
		accepted := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		synctest.Wait()
		if len(accepted) > 0 {
			t.Errorf("connection %d is accepted", mostConnections+1)
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if err := <-accepted; err != nil {
			t.Error(err)
		}
	})
}
