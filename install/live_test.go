package install

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeSystemctl puts a script in the place of systemctl.
func fakeSystemctl(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// What a terminal sends to everybody in the foreground does not end systemctl, which may be
// taking something back.
func TestSystemctlIsApart(t *testing.T) {
	fakeSystemctl(t, "read -r pid name state parent group rest </proc/$$/stat && echo $group")
	group, err := Live{}.Systemctl(t.Context(), "show")
	if err != nil {
		t.Fatal(err)
	}
	if group = strings.TrimSpace(group); group == "" || group == strconv.Itoa(syscall.Getpgrp()) {
		t.Errorf("systemctl is in the group %q of whoever runs it", group)
	}
}

// A systemctl that is ended says why, and its children end with it.
func TestSystemctlIsEnded(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	// Its child waits until the test opens the pipe, and the test for the child.
	fakeSystemctl(t, "cat '"+pipe+"' & wait")
	why := errors.New("the operator has no patience")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Live{}.Systemctl(ctx, "restart", "kubelet.service")
		done <- err
	}()
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	cancel(why)
	select {
	case err := <-done:
		if !errors.Is(err, why) || !strings.Contains(err.Error(), "restart kubelet.service") {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it goes on")
	}
}

// Where Docker Engine answers in the place of a runtime that is said, and of no other that does not
// speak CRI.
func TestDockerAPI(t *testing.T) {
	for name, version := range map[string]string{"Docker": "1.41", "another server": ""} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "docker.sock")
			listener, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if version != "" && r.URL.Path == "/_ping" {
					w.Header().Set("Api-Version", version)
				}
			})}
			served := make(chan error, 1)
			go func() { served <- server.Serve(listener) }()
			_, err = Live{}.RuntimeName(t.Context(), unixScheme+socket)
			if err == nil || errors.Is(err, errDockerAPI) != (version != "") {
				t.Errorf("it says: %v", err)
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if err := <-served; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
}
