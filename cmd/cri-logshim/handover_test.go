package main

import (
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// A hangup after the program was replaced brings another process, which serves all new
// connections and does the work on logs, while a call and a stream in flight go on in the
// first one. That one ends when they have.
func TestHandOver(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	p.config.Rotation.MaxSize = 1 << 30
	f.runContainer(t, p.config.PodLogsDir, 64<<10)
	f.serve(t, p.config.RuntimeEndpoint)
	d := replaceable(t, p, extras{})
	works(t, p)
	conn := dial(t, p.config.Listen)
	done, events := executing(t, f, conn), following(t, f, dial(t, p.config.Listen))

	installNew(t, filepath.Join(p.dir, "cri-logshim"))
	d.signal(t, syscall.SIGHUP)
	successor := d.successorOf(t, 1)
	if err := callVersion(t, conn); err != nil {
		t.Errorf("a call on a connection of before: %v", err)
	}
	works(t, p)
	p.config.Rotation.MaxSize = 4 << 10
	p.write(t)
	receive(t, "a rotation", f.reopens)

	select {
	case err := <-done:
		t.Fatalf("the call in flight has ended: %v", err)
	case err := <-events:
		t.Fatalf("the stream has ended: %v", err)
	default:
	}
	close(f.release)
	if err := receive(t, "the end of the call", done); err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if ended(t, d.cmd.Process.Pid) {
		t.Error("the first process has ended, with a stream in flight")
	}
	if err := syscall.Kill(successor, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the successor", func() bool { return ended(t, successor) })
	if exists(t, socketOf(p.config.Listen)) {
		t.Error("the last process has left its socket behind")
	}
	d.end(t)
	if err := receive(t, "the end of the stream", events); err == nil {
		t.Error("the stream goes on")
	}
}

// A first process without calls ends by itself, with exit code 0, and its session does not
// take the successor with it. Settings that cannot change while serving come into force
// with the new process, without a new program.
func TestHandOverForASetting(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	before := p.config.Admin.Listen
	p.config.Admin.Listen = "unix://" + filepath.Join(p.dir, "shim", "other.sock")
	p.config.Log.Format = "json"
	p.write(t)
	d.waitSaid(t, "come into force with a reload", "admin, log")
	d.signal(t, syscall.SIGHUP)
	d.successorOf(t, 1)
	eventually(t, "the end of the first process", func() bool { return ended(t, d.cmd.Process.Pid) })
	works(t, p)
	if code, body := get(t, p, "/readyz"); code != http.StatusOK {
		t.Errorf("the successor is not ready: %s", body)
	}
	eventually(t, "the old socket to go", func() bool { return !exists(t, socketOf(before)) })
	d.waitSaid(t, `"msg":"serving"`)
}

// With another runtime, calls go there, and a stream of events of the one before ends, so
// that its client comes back for the new one's.
func TestHandOverToAnotherRuntime(t *testing.T) {
	t.Parallel()
	p, f, other := newPlace(t), newFakeRuntime(), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	events := following(t, f, works(t, p))
	p.config.RuntimeEndpoint = "unix://" + filepath.Join(p.dir, "other.sock")
	other.serve(t, p.config.RuntimeEndpoint)
	p.write(t)
	d.signal(t, syscall.SIGHUP)
	d.successorOf(t, 1)
	if err := receive(t, "the end of the stream", events); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ends with %v, want Unavailable", err)
	}
	following(t, other, works(t, p))
}

// No call fails over hand-overs, on connections that last and on such as are made for one
// call.
func TestHandOverUnderLoad(t *testing.T) {
	t.Parallel()
	const times = 5
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := replaceable(t, p, extras{})
	lasting := works(t, p)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	finish := sync.OnceFunc(func() {
		close(stop)
		callers.Wait()
	})
	defer finish()
	caller := func(call func() error) {
		callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					t.Logf("%d calls", n)
					return
				default:
				}
				if err := call(); err != nil {
					t.Errorf("call %d: %v", n, err)
					return
				}
			}
		})
	}
	for range 2 {
		caller(func() error { return callVersion(t, lasting) })
		caller(func() error {
			conn, err := grpc.NewClient(p.config.Listen, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
			if err != nil {
				return err
			}
			return errors.Join(callVersion(t, conn), conn.Close())
		})
	}
	for i := range times {
		installNew(t, filepath.Join(p.dir, "cri-logshim"))
		running := d.cmd.Process.Pid
		if i > 0 {
			running = d.successorOf(t, i)
		}
		if err := syscall.Kill(running, syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		d.successorOf(t, i+1)
		<-time.After(50 * time.Millisecond) // of calls to the new one alone
	}
	finish()
}
