package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// checkSameAnswers asks for logs that stay as they are: kubelet through the shim, then a
// kubelet that was led to containerd past it, with the same pods. Every answer is the
// same, byte for byte.
func checkSameAnswers(t *testing.T, n *kubeletNode, pods kubeletPods) {
	t.Helper()
	questions := questionsOf(t, n, pods)
	through := n.answers(t, questions)
	n.lead(t, n.containerd.Endpoint(), pods.lasting())
	direct := n.answers(t, questions)
	n.lead(t, n.shim.Config.Listen, pods.lasting())
	for i, question := range questions {
		if through[i] != direct[i] {
			t.Errorf("%s is answered with %d bytes through the shim and %d past it:\n%.300q\n%.300q",
				question, len(through[i]), len(direct[i]), through[i], direct[i])
		}
	}
	// What makes the comparison one: whole logs, parts of them, none, and a refusal.
	for what, is := range map[string]func(string) bool{
		"nothing":  func(answer string) bool { return answer == "" },
		"one line": func(answer string) bool { return strings.Count(answer, "\n") == 1 },
		"a whole log": func(answer string) bool {
			return strings.Contains(answer, "1\n2\n") && strings.Contains(answer, "\n299\n300\n")
		},
		"something long": func(answer string) bool { return len(answer) > 10_000 },
		"a refusal":      func(answer string) bool { return strings.Contains(answer, "status 4") },
	} {
		if !slices.ContainsFunc(through, is) {
			t.Errorf("no question was answered with %s", what)
		}
	}
}

// questionsOf are paths of kubelet's API.
func questionsOf(t *testing.T, n *kubeletNode, pods kubeletPods) []string {
	t.Helper()
	var all []string
	for _, log := range []struct {
		pod       testbed.StaticPod
		container string
		ended     bool
	}{{pods.done, testbed.AppContainer, true}, {pods.recovered, testbed.AppContainer, false}, {pods.several, "first", true}, {pods.several, "second", true}} {
		parameters := []string{
			"", "timestamps=true", "tailLines=0", "tailLines=1", "tailLines=7&timestamps=true", "tailLines=100000",
			"sinceSeconds=1", "sinceSeconds=86400", "sinceTime=" + middle(t, n, log.pod, log.container), "limitBytes=1000", "limitBytes=100&tailLines=30",
			"follow=true&limitBytes=400", "previous=true", "previous=true&tailLines=3&timestamps=true", "previous=true&limitBytes=50", "tailLines=-1",
		}
		if log.ended {
			parameters = append(parameters, "follow=true", "follow=true&tailLines=2")
		}
		for _, p := range parameters {
			all = append(all, logsOf(log.pod, log.container)+"?"+p)
		}
	}
	return append(all, "/containerLogs/default/none/app", logsOf(pods.done, "none"))
}

// middle is the time of the line in the middle of a container's current file.
func middle(t *testing.T, n *kubeletNode, pod testbed.StaticPod, container string) string {
	t.Helper()
	c, err := n.kubelet.RunningContainer(t.Context(), pod, container)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(c.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	when, _, _ := strings.Cut(lines[len(lines)/2], " ")
	return strings.ReplaceAll(when, "+", "%2B")
}

// answers are what kubelet says, with the status if that is not 200.
func (n *kubeletNode) answers(t *testing.T, questions []string) []string {
	t.Helper()
	var all []string
	for _, question := range questions {
		answer, err := n.kubelet.Get(t.Context(), question)
		if err != nil {
			answer = fmt.Sprintf("%v", err)
		}
		all = append(all, answer)
	}
	return all
}

// lead restarts kubelet so that it speaks to another endpoint, and waits until it has
// found out what its pods do.
func (n *kubeletNode) lead(t *testing.T, endpoint string, pods []testbed.StaticPod) {
	t.Helper()
	err := n.kubelet.Stop(t.Context())
	if err = errors.Join(err, n.kubelet.Use(endpoint)); err == nil {
		err = n.kubelet.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	n.answersFor(t, pods)
}

// answersFor waits until kubelet knows every container of the pods well enough to read its
// log, as it does once it has looked at what runs.
func (n *kubeletNode) answersFor(t *testing.T, pods []testbed.StaticPod) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		for _, pod := range pods {
			for _, name := range namesOf(pod) {
				if _, err := n.kubelet.Get(ctx, logsOf(pod, name)+"?tailLines=1"); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// logsOf is the path of a container's log in kubelet's API.
func logsOf(pod testbed.StaticPod, container string) string {
	return path.Join("/containerLogs", testbed.Namespace, pod.FullName(), container)
}
