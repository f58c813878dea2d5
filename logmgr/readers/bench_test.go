package readers_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

// BenchmarkLook tells what one look costs on a node with many processes, each of
// which has twenty descriptors: eight regular files open for reading, as a Java
// program has its archives, and twelve others. Ten of them read two logs each.
func BenchmarkLook(b *testing.B) {
	for _, processes := range []int{100, 500, 2000} {
		b.Run(fmt.Sprintf("processes=%d", processes), func(b *testing.B) {
			want := crowd(b, processes)
			finder := readers.New("/proc", ".log")
			before := cpu(b)
			for b.Loop() {
				found, err := finder.Look(b.Context(), want)
				if err != nil {
					b.Fatal(err)
				}
				if len(found.Readers) != 2 || found.Processes < processes {
					b.Fatalf("%d files in %d processes", len(found.Readers), found.Processes)
				}
			}
			b.ReportMetric((cpu(b)-before)/float64(b.N), "cpu-ms/look")
		})
	}
}

// crowd starts processes that sleep, and returns a hundred files of which two are
// read.
func crowd(b *testing.B, processes int) map[logfile.ID]struct{} {
	b.Helper()
	var others, logs []*os.File
	dir := b.TempDir()
	for n := range 8 {
		others = append(others, open(b, filepath.Join(dir, fmt.Sprint(n, ".jar"))))
	}
	for range 9 {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			b.Fatal(err)
		}
		if err := unix.Close(pipe[1]); err != nil {
			b.Fatal(err)
		}
		others = append(others, os.NewFile(uintptr(pipe[0]), "pipe"))
	}
	want := map[logfile.ID]struct{}{}
	for n := range 100 {
		name := filepath.Join(dir, fmt.Sprint(n, ".log"))
		f := open(b, name)
		id, err := identify(name)
		if err != nil {
			b.Fatal(err)
		}
		want[id] = struct{}{}
		if n < 2 {
			logs = append(logs, f)
		} else if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for n := range processes {
		cmd := exec.CommandContext(b.Context(), "sleep", "600")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		cmd.ExtraFiles = others
		if n%max(processes/10, 1) == 0 {
			cmd.ExtraFiles = append(logs, others[2:]...)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := cmd.Process.Kill(); err != nil {
				b.Error(err)
			}
			_ = cmd.Wait() // tells that it was killed
		})
	}
	b.Cleanup(func() {
		for _, f := range append(others, logs...) {
			f.Close()
		}
	})
	return want
}

func open(b *testing.B, name string) *os.File {
	b.Helper()
	f, err := os.OpenFile(name, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// cpu is the processor time of this process in milliseconds.
func cpu(b *testing.B) float64 {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}
