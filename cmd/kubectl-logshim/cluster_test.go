package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs/nodelogstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a-token"

// cluster is an API server, and behind it kubelets that serve a folder each.
type cluster struct {
	t          *testing.T
	dir        string
	kubeconfig string
	nodes      []string
	pods       []pod

	mu     sync.Mutex
	asked  []string                              // paths, in their order
	refuse func(path string) (int, string, bool) // what is answered instead; true: by the API server itself
}

func newCluster(t *testing.T, nodes ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), nodes: nodes}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/nodes", func(w http.ResponseWriter, r *http.Request) {
		c.list(w, r, len(c.nodes), func(i int) any { return map[string]any{"metadata": map[string]any{"name": c.nodes[i]}} })
	})
	mux.HandleFunc("GET /api/v1/pods", func(w http.ResponseWriter, r *http.Request) { c.listPods(w, r, c.pods) })
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods", func(w http.ResponseWriter, r *http.Request) {
		c.listPods(w, r, slices.DeleteFunc(slices.Clone(c.pods), func(p pod) bool { return p.Metadata.Namespace != r.PathValue("namespace") }))
	})
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{name}", func(w http.ResponseWriter, r *http.Request) {
		for _, p := range c.pods {
			if p.Metadata.Namespace == r.PathValue("namespace") && p.Metadata.Name == r.PathValue("name") {
				c.answer(w, http.StatusOK, p)
				return
			}
		}
		c.status(w, http.StatusNotFound, "pods not found")
	})
	mux.HandleFunc("/api/v1/nodes/{node}/proxy/logs/", func(w http.ResponseWriter, r *http.Request) {
		node := r.PathValue("node")
		if !slices.Contains(c.nodes, node) {
			c.status(w, http.StatusNotFound, "nodes not found")
			return
		}
		http.StripPrefix("/api/v1/nodes/"+node+"/proxy/logs", nodelogstest.Kubelet(c.varLog(node))).ServeHTTP(w, r)
	})
	server := httptest.NewTLSServer(c.guard(mux)) // nobody sends a token elsewhere
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	c.kubeconfig = filepath.Join(c.dir, "kubeconfig")
	c.must(os.WriteFile(c.kubeconfig, []byte(`{"kind":"Config","apiVersion":"v1","current-context":"here",
"clusters":[{"name":"one","cluster":{"server":"`+server.URL+`","certificate-authority-data":"`+base64.StdEncoding.EncodeToString(authority)+`"}}],"users":[{"name":"jane","user":{"token":"`+token+`"}}],
"contexts":[{"name":"here","context":{"cluster":"one","user":"jane","namespace":"shop"}},{"name":"elsewhere","context":{"cluster":"one","user":"jane"}}]}`), 0o600))
	return c
}

// guard lets in whoever is logged in, and refuses what a test has refused.
func (c *cluster) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.asked = append(c.asked, r.URL.Path)
		refuse := c.refuse
		c.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+token {
			c.status(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		if refuse != nil {
			if code, message, itself := refuse(r.URL.Path); itself {
				c.status(w, code, message)
				return
			} else if code != 0 {
				http.Error(w, message, code)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// list answers with one object per page.
func (c *cluster) list(w http.ResponseWriter, r *http.Request, objects int, object func(i int) any) {
	at, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	page := map[string]any{"metadata": map[string]any{}, "items": []any{}}
	if at < objects {
		page["items"] = []any{object(at)}
	}
	if at+1 < objects {
		page["metadata"] = map[string]any{"continue": strconv.Itoa(at + 1)}
	}
	c.answer(w, http.StatusOK, page)
}

func (c *cluster) listPods(w http.ResponseWriter, r *http.Request, pods []pod) {
	if node, ok := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "spec.nodeName="); ok {
		pods = slices.DeleteFunc(slices.Clone(pods), func(p pod) bool { return p.Spec.NodeName != node })
	}
	c.list(w, r, len(pods), func(i int) any { return pods[i] })
}

func (c *cluster) status(w http.ResponseWriter, code int, message string) {
	c.answer(w, code, map[string]any{"kind": "Status", "message": message})
}

func (c *cluster) answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(object); err != nil {
		c.t.Error(err)
	}
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) varLog(node string) string { return filepath.Join(c.dir, node) }

// write makes a file of a node below its /var/log.
func (c *cluster) write(node, name, text string) {
	c.t.Helper()
	content := []byte(text)
	if strings.HasSuffix(name, ".gz") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := io.WriteString(z, text)
		c.must(err)
		c.must(z.Close())
		content = packed.Bytes()
	}
	name = filepath.Join(c.varLog(node), name)
	c.must(os.MkdirAll(filepath.Dir(name), 0o755))
	c.must(os.WriteFile(name, content, 0o600))
	longAgo := time.Now().Add(-time.Hour) // so that nobody waits for more of it
	c.must(os.Chtimes(name, longAgo, longAgo))
}

// keep gives a file of a node its second name.
func (c *cluster) keep(node, name, kept string) {
	c.t.Helper()
	kept = filepath.Join(c.varLog(node), kept)
	c.must(os.MkdirAll(filepath.Dir(kept), 0o755))
	c.must(os.Link(filepath.Join(c.varLog(node), name), kept))
}

// run adds a pod that the API server knows.
func (c *cluster) run(namespace, name, uid, node string) *pod {
	var p pod
	p.Metadata.Namespace, p.Metadata.Name, p.Metadata.UID, p.Spec.NodeName = namespace, name, uid, node
	c.pods = append(c.pods, p)
	return &c.pods[len(c.pods)-1]
}

// logs runs the command as the kubeconfig's user.
func (c *cluster) logs(args ...string) (code exitcode.Code, out, told string) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"logs", "--kubeconfig", c.kubeconfig}, args...)
	code = exitcode.Code(run(c.t.Context(), args, &stdout, &stderr))
	return code, stdout.String(), stderr.String()
}

func record(second, text string) string {
	return "2026-01-31T12:00:" + second + ".000000000Z stdout F " + text + "\n"
}

const rotated = "0.log.20260131-1200"

// newShop is a cluster with a pod that runs, of which each kind of file is there, pods that are gone, and
// several of one label.
func newShop(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, "node-1", "node-2", "node-3")
	const web, keptWeb = "pods/shop_web-0_u1/app/", "cri-logshim/kept/shop_web-0_u1/app/"
	c.write("node-1", keptWeb+rotated+"01.000000000.gz", record("00", "kept alone"))
	c.write("node-1", web+rotated+"02.000000000.gz", record("01", "compressed"))
	c.keep("node-1", web+rotated+"02.000000000.gz", keptWeb+rotated+"02.000000000.gz")
	c.write("node-1", web+rotated+"03.000000000", record("02", "rotated"))
	c.keep("node-1", web+rotated+"03.000000000", keptWeb+rotated+"03.000000000")
	c.write("node-1", web+"0.log", record("03", "current"))
	c.write("node-1", web+"1.log", record("04", "another attempt"))
	c.run("shop", "web-0", "u1", "node-1").Metadata.Labels = map[string]string{"app": "web"}
	// The same name was on another node before.
	c.write("node-2", "cri-logshim/kept/shop_web-0_u0/app/0.log", record("00", "an earlier one"))

	c.write("node-2", "cri-logshim/kept/shop_gone_u2/app/0.log", record("00", "last words"))
	c.write("node-3", "pods/other_gone_u9/app/0.log", record("00", "of another namespace"))

	c.write("node-3", "pods/shop_web-1_u3/app/0.log", record("05", "of web-1"))
	c.write("node-3", "pods/shop_web-1_u3/side/0.log", record("06", "beside it"))
	second := c.run("shop", "web-1", "u3", "node-3")
	second.Metadata.Labels = map[string]string{"app": "web"}
	second.Status.ContainerStatuses = []containerStatus{{Name: "side", ContainerID: "containerd://abcdef012345"}}

	c.run("shop", "waiting", "u4", "")
	static := c.run("kube-system", "etcd-node-1", "u5", "node-1")
	static.Metadata.Annotations = map[string]string{configHash: "c0ffee", "kubernetes.io/config.mirror": "c0ffee"}
	c.write("node-1", "pods/kube-system_etcd-node-1_c0ffee/etcd/0.log", record("00", "static"))
	return c
}
