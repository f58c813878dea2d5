package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// It finds the node of a pod, the logs of a pod that is gone, and says what is wrong otherwise.
func TestLogs(t *testing.T) {
	c := newShop(t)
	const all = "kept alone\ncompressed\nrotated\ncurrent\nanother attempt\n"
	for line, want := range map[string]struct {
		code exitcode.Code
		out  string
		says string
	}{
		"web-0":                               {0, all, ""},
		"shop/web-0/app":                      {0, all, ""},
		"web-0 --node node-1":                 {0, all, ""},
		"web-0 --tail 2":                      {0, "current\nanother attempt\n", ""},
		"web-0 --previous":                    {0, strings.TrimSuffix(all, "another attempt\n"), ""},
		"web-0 --grep rotated -C 1":           {0, "compressed\nrotated\ncurrent\n", ""},
		"web-0 --uid u0":                      {0, "an earlier one\n", "looking for its logs on 3 nodes"},
		"web-0 --node node-2":                 {0, "an earlier one\n", ""},
		"gone":                                {0, "last words\n", "looking for its logs on 3 nodes"},
		"gone -n other":                       {0, "of another namespace\n", ""},
		"abcdef01":                            {0, "beside it\n", ""},
		"containerd://abcdef012345":           {0, "beside it\n", ""},
		"etcd-node-1 -n kube-system":          {0, "static\n", ""},
		"-l app=web --all-containers":         {0, "kept alone\ncompressed\nrotated\ncurrent\nanother attempt\nof web-1\nbeside it\n", ""},
		"-l app=web --tail 1 -c app":          {0, "another attempt\nof web-1\n", ""},
		"-l app=web --node node-3 -c side":    {0, "beside it\n", ""},
		"web-1":                               {exitcode.Usage, "", "app, side"},
		"web-1 -c none":                       {exitcode.NotFound, "", "no log of container none"},
		"waiting":                             {exitcode.NotFound, "", "on no node yet"},
		"gon":                                 {exitcode.NotFound, "", "did you mean shop/gone?"},
		"web-0 --context elsewhere":           {exitcode.NotFound, "", "default/web-0"},
		"gone --node node-9":                  {exitcode.NotFound, "", "no such node"},
		"gone --node ..":                      {exitcode.Usage, "", "no name of a node"},
		"shop/..":                             {exitcode.Failed, "", "no name of anything"},
		"web-0 --keep-dir /srv/kept":          {exitcode.Usage, "", "below /var/log"},
		"web-0 --pod-logs-dir /var/log/../x":  {exitcode.Usage, "", "no directory below /var/log"},
		"web-0 --keep-dir /var/log/elsewhere": {0, strings.TrimPrefix(all, "kept alone\n"), ""},
		"web-0 --token wrong":                 {exitcode.Failed, "", "Unauthorized"},
		"web-0 --server https://127.0.0.1:1":  {exitcode.Unreachable, "", "refused"},
		"web-0 --kubeconfig /none":            {exitcode.Failed, "", "/none"},
		"web-0 --since x":                     {exitcode.Usage, "", "--since"},
		"web-0 -C 2":                          {exitcode.Usage, "", "--grep-context needs a pattern"},
		"web-0 --nose":                        {exitcode.Usage, "", "kubectl logshim logs --help"},
		"":                                    {exitcode.Usage, "", "name one pod"},
	} {
		code, out, told := c.logs(strings.Fields(line)...)
		if code != want.code || out != want.out || !strings.Contains(told, want.says) {
			t.Errorf("logs %s: code %d, want %d\n%s\nwant\n%s\nit tells %q, wanted %q", line, code, want.code, out, want.out, told, want.says)
		}
	}
}

// What is not allowed or off is said with what to do.
func TestRefused(t *testing.T) {
	const pods, nodes, logs = "/api/v1/namespaces/shop/pods/", "/api/v1/nodes", "/proxy/logs/"
	for name, refused := range map[string]struct {
		path    string
		code    int
		message string
		itself  bool
		args    string
		want    exitcode.Code
		says    string
	}{
		"no nodes/proxy":            {logs, 403, "cannot get resource", true, "web-0", exitcode.Failed, "--verb=get --resource=nodes/proxy"},
		"no nodes/proxy, searching": {logs, 403, "cannot get resource", true, "gone", exitcode.Failed, "--verb=get --resource=nodes/proxy"},
		"no get pods":               {pods, 403, "cannot get resource", true, "web-0", exitcode.Failed, "--node"},
		"no get pods, with a node":  {pods, 403, "cannot get resource", true, "web-0 --node node-2", exitcode.OK, ""},
		"no list nodes":             {nodes, 403, "cannot list resource", true, "gone", exitcode.Failed, "--verb=list --resource=nodes"},
		"no list pods":              {"/pods", 403, "cannot list resource", true, "-l app=web", exitcode.Failed, "labels"},
		"handler off":               {logs, 405, "logs endpoint is disabled.", false, "web-0", exitcode.Failed, "enableSystemLogHandler"},
		"kubelet down":              {logs, 503, "error trying to reach service", true, "web-0", exitcode.Unreachable, "kubectl describe node node-1"},
		"one node down":             {"/node-1" + logs, 503, "error trying to reach service", true, "gone", exitcode.OK, "1 of 3 nodes could not be looked at"},
		"the node that has it down": {"/node-2" + logs, 503, "error trying to reach service", true, "gone", exitcode.Partly, "1 of 3 nodes could not be looked at"},
		"loopback":                  {logs, 400, "address not allowed", true, "web-0", exitcode.Failed, "--node-ip"},
	} {
		c := newShop(t)
		c.refuse = func(path string) (int, string, bool) {
			is := strings.Contains(path, refused.path)
			if refused.path == nodes || refused.path == "/pods" {
				is = strings.HasSuffix(path, refused.path)
			}
			if !is {
				return 0, "", false
			}
			return refused.code, refused.message, refused.itself
		}
		code, _, told := c.logs(strings.Fields(refused.args)...)
		if code != refused.want || !strings.Contains(told, refused.says) {
			t.Errorf("%s: code %d, want %d; it tells %q, wanted %q", name, code, refused.want, told, refused.says)
		}
	}
}

// Of a pod that runs no other node is asked, and no list of anything.
func TestAsksForNoMore(t *testing.T) {
	c := newShop(t)
	if code, _, told := c.logs("web-0"); code != 0 {
		t.Fatal(code, told)
	}
	for i, path := range c.asked {
		if i > 0 && !strings.HasPrefix(path, "/api/v1/nodes/node-1/proxy/logs/") || strings.HasSuffix(path, "/logs/pods/") {
			t.Errorf("question %d was for %s", i, path)
		}
	}
}

func TestVersion(t *testing.T) {
	var out, told bytes.Buffer
	if code := run(t.Context(), []string{"version"}, &out, &told); code != 0 || !strings.HasPrefix(out.String(), "kubectl-logshim ") {
		t.Errorf("code %d, %q, %q", code, out.String(), told.String())
	}
	out.Reset()
	var info map[string]string
	if code := run(t.Context(), []string{"version", "-o", "json"}, &out, &told); code != 0 || json.Unmarshal(out.Bytes(), &info) != nil || info["version"] == "" || info["platform"] == "" {
		t.Errorf("code %d, %q, %q", code, out.String(), told.String())
	}
	if code := run(t.Context(), []string{"version", "-o", "yaml"}, &out, &told); code != int(exitcode.Usage) || !strings.Contains(told.String(), "text or json") {
		t.Errorf("code %d, %q", code, told.String())
	}
	if code := run(t.Context(), []string{"lgos"}, &out, &told); code != int(exitcode.Usage) || !strings.Contains(told.String(), `did you mean "logs"`) {
		t.Errorf("code %d, %q", code, told.String())
	}
}
