package integration

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// kubeletPair is a containerd and a kubelet that were in use together.
type kubeletPair struct{ kubelet, containerd string }

func kubeletPairs() []kubeletPair {
	return []kubeletPair{{testbed.KubeletVersion, testbed.Newest}, {testbed.OldestKubelet, testbed.Oldest}}
}

func (p kubeletPair) String() string { return "kubelet " + p.kubelet + " containerd " + p.containerd }

// kubeletNode is a pair at work, with a shim between the two or without one.
type kubeletNode struct {
	containerd *testbed.Containerd
	shim       *testbed.Shim // nil: kubelet speaks to containerd
	kubelet    *testbed.Kubelet
}

// startNode starts a pair that sees its folders of logs where kubelet has them by default.
// The shim is one as change says; nil: there is none.
func (p kubeletPair) startNode(t *testing.T, change func(*config.Configuration)) *kubeletNode {
	t.Helper()
	install, err := testbed.Installed(p.containerd)
	if err != nil {
		t.Fatal(err)
	}
	install.VarLog = true
	n := &kubeletNode{}
	if n.containerd, err = testbed.New(t.Context(), install, programs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.containerd.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	options := testbed.KubeletOptions{Version: p.kubelet, Endpoint: n.containerd.Endpoint(), Logs: testbed.LeftToTheShim()}
	if change != nil {
		n.shim, _ = newShim(t, n.containerd, change)
		options.Endpoint = n.shim.Endpoint()
	}
	n.kubelet = startKubelet(t, n.containerd, options)
	return n
}

// kubeletPods are one of each kind. Those of lasting run on as long as they may; the
// others are there to be deleted.
type kubeletPods struct {
	chatty, flooding, several, recovered, done testbed.StaticPod
	crashing, annotated, steady                testbed.StaticPod
}

func (p kubeletPods) lasting() []testbed.StaticPod {
	return []testbed.StaticPod{p.chatty, p.flooding, p.several, p.recovered, p.done}
}

func (p kubeletPods) deleted() []testbed.StaticPod {
	return []testbed.StaticPod{p.crashing, p.annotated, p.steady}
}

func (p kubeletPods) all() []testbed.StaticPod { return append(p.lasting(), p.deleted()...) }

// newKubeletPods describes them. The first attempt of recovered ends with an error, and
// its second, which kubelet makes ten seconds later, stays.
func newKubeletPods() kubeletPods {
	const crashOnce = `seq 1 300; echo to stderr >&2; mkdir /scratch/crashed && exit 3; exec sleep 1000000`
	write := func(name string, args ...string) testbed.StaticContainer {
		return testbed.StaticContainer{Name: name, Command: append([]string{"seqwriter"}, args...)}
	}
	return kubeletPods{
		chatty:   testbed.StaticPod{Name: "chatty", Restart: "Always", Command: []string{"seqwriter", "-stream=both", "-rate=40000"}},
		flooding: testbed.StaticPod{Name: "flooding", Restart: "Always", Command: []string{"seqwriter", "-rate=1000000"}},
		several: testbed.StaticPod{
			Name: "several", Restart: "Always",
			Init:       []testbed.StaticContainer{write("first", "-count=50"), write("second", "-rate=100000", "-count=600")},
			Containers: []testbed.StaticContainer{write("one", "-rate=60000"), write("two", "-rate=60000", "-stream=stderr")},
		},
		recovered: testbed.StaticPod{Name: "recovered", Restart: "Always", Command: []string{"sh", "-c", crashOnce}, Scratch: "/scratch"},
		done:      testbed.StaticPod{Name: "done", Restart: "Never", Command: []string{"seqwriter", "-stream=both", "-rate=50000", "-count=300"}},

		crashing: testbed.StaticPod{Name: "crashing", Restart: "Always", Command: []string{"seqwriter", "-rate=500000", "-duration=1s", "-exit-code=1"}},
		annotated: testbed.StaticPod{
			Name: "annotated", Restart: "Always", Command: []string{"seqwriter", "-rate=100000"},
			Annotations: map[string]string{
				"cri-logshim.io/maxSize": "160Ki", "cri-logshim.io/maxFiles": "3", "cri-logshim.io/keepAfterRemoval": "1h",
			},
		},
		steady: testbed.StaticPod{Name: "steady", Restart: "Never", Command: []string{"seqwriter", "-rate=200000", "-count=3000", "-stay"}},
	}
}

// run makes the pods run, without waiting for any.
func (n *kubeletNode) run(t *testing.T, pods []testbed.StaticPod) {
	t.Helper()
	for _, pod := range pods {
		if err := n.kubelet.Run(pod); err != nil {
			t.Fatal(err)
		}
	}
}

// ready waits until every pod is in the state that is looked at: what is to run runs, what
// is to end has ended, and crashing and recovered are beyond their first attempt.
func (n *kubeletNode) ready(t *testing.T, pods kubeletPods) {
	t.Helper()
	for _, pod := range pods.all() {
		for _, name := range namesOf(pod) {
			if _, err := n.kubelet.RunningContainer(t.Context(), pod, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.await(t, pods.done, 0, runtimeapi.ContainerState_CONTAINER_EXITED)
	n.await(t, pods.recovered, 1, runtimeapi.ContainerState_CONTAINER_RUNNING)
	n.await(t, pods.crashing, 1, runtimeapi.ContainerState_CONTAINER_EXITED)
}

// namesOf are the names of a pod's containers.
func namesOf(pod testbed.StaticPod) []string {
	if len(pod.Containers) == 0 {
		return []string{testbed.AppContainer}
	}
	var names []string
	for _, c := range pod.Containers {
		names = append(names, c.Name)
	}
	return names
}

// await waits until a pod's only container is in a state, in an attempt or a later one.
func (n *kubeletNode) await(t *testing.T, pod testbed.StaticPod, attempt uint32, state runtimeapi.ContainerState) *testbed.Container {
	t.Helper()
	var found *testbed.Container
	eventually(t, func(ctx context.Context) error {
		containers, err := n.kubelet.Containers(ctx, pod)
		if err != nil || len(containers) == 0 {
			return errors.Join(err, fmt.Errorf("pod %q has %d containers", pod.Name, len(containers)))
		}
		found = containers[0]
		status, err := found.Status(ctx)
		if err == nil && (status.State != state || status.Metadata.Attempt < attempt) {
			err = fmt.Errorf("pod %q is at attempt %d, %v", pod.Name, status.Metadata.Attempt, status.State)
		}
		return err
	})
	return found
}

// Real kubelets with a shim behave as those without one, over the same pods, and a shim
// does its work below them.
func TestKubeletsThroughTheShim(t *testing.T) {
	t.Parallel()
	for _, pair := range kubeletPairs() {
		t.Run(pair.String(), func(t *testing.T) {
			t.Parallel()
			direct := pair.startNode(t, nil)
			through := pair.startNode(t, func(c *config.Configuration) {
				c.Rotation.MaxSize = 64 << 10
				c.Rotation.MaxFiles = 100_000
				c.Rotation.CompressAfter = time.Second
			})
			pods := newKubeletPods()
			for _, n := range []*kubeletNode{direct, through} {
				n.run(t, pods.all())
			}
			for _, n := range []*kubeletNode{direct, through} {
				n.ready(t, pods)
			}
			step := func(name string, check func(t *testing.T)) {
				if !t.Run(name, check) {
					t.FailNow()
				}
			}
			step("names", func(t *testing.T) { checkSameNames(t, direct, through, pods) })
			step("annotations", func(t *testing.T) { checkAnnotations(t, through, pods.annotated) })
			step("usage", func(t *testing.T) { checkUsage(t, through, pods.steady) })
			step("deletion", func(t *testing.T) { checkDeletion(t, direct, through, pods) })
			step("kubelet's own log", func(t *testing.T) { checkSameComplaints(t, direct, through) })
			step("reading", func(t *testing.T) { checkSameAnswers(t, through, pods) })
			step("restarts", func(t *testing.T) { checkRestarts(t, through, pods) })
		})
	}
}
