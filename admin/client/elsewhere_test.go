package client_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// variable has the endpoint that a test asks in a process of its own.
const variable = "ENDPOINT_FOR_TEST"

// elsewhere runs the test again in a process that is another's, or has another environment.
func elsewhere(t *testing.T, endpoint string, who *syscall.Credential, environment ...string) {
	t.Helper()
	asks := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	asks.Dir, asks.Env = "/", append(environment, variable+"="+endpoint)
	asks.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if out, err := asks.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("elsewhere: %v\n%s", err, out)
	}
}

// Whoever may not open the socket is told to be root: "permission denied" alone would have a mode
// changed that is meant to be.
func TestPermissionDenied(t *testing.T) {
	endpoint := os.Getenv(variable)
	if endpoint == "" {
		endpoint = socket(t, http.NotFoundHandler())
		if err := os.Chmod(strings.TrimPrefix(endpoint, "unix://"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 { // who may open everything: somebody else asks
		elsewhere(t, endpoint, &syscall.Credential{Uid: 65534, Gid: 65534})
		return
	}
	if _, err := to(t, endpoint).Node(t.Context()); exitcode.Of(err) != exitcode.Unreachable || !strings.Contains(err.Error(), "only root may; run it as root") {
		t.Errorf("ends with %d: %v", exitcode.Of(err), err)
	}
}

// A certificate that is not trusted is after what the error says about it.
func TestTrustedByAdvice(t *testing.T) {
	if endpoint := os.Getenv(variable); endpoint != "" {
		if node, err := to(t, endpoint).Node(t.Context()); err != nil || node.Host != "h" {
			t.Errorf("%+v, %v", node, err)
		}
		return
	}
	encrypted := httptest.NewTLSServer(said(200, "application/json", `{"host":"h"}`))
	defer encrypted.Close()
	encrypted.Config.SetKeepAlivesEnabled(false) // or the other process would end with a connection
	file := filepath.Join(t.TempDir(), "authority.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere(t, encrypted.URL, nil, "SSL_CERT_FILE="+file)
}
