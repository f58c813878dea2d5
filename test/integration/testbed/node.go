package testbed

import "path/filepath"

// Runtime is a container runtime of the testbed, before which a shim and a kubelet can be:
// a Containerd, a Dockershim or a CRIDockerd.
type Runtime interface {
	// Endpoint is where the runtime serves CRI.
	Endpoint() string
	// Dial returns a new client of the runtime, under a name of the API that it knows.
	Dial() (*Client, error)
	node() *Node
}

// Node is what every runtime of the testbed has.
type Node struct {
	// Dir holds everything that belongs to the runtime, and goes with it. Whoever
	// uses the runtime may put own things in it.
	Dir string
	// PodLogsDir is a folder below Dir for the logs of pods.
	PodLogsDir string

	varLog   varLog
	socket   string // of CRI
	alphaAPI bool   // CRI is known by its older name only
	engine   string // the endpoint of Docker behind the runtime; empty: there is none
}

// newNode is that of a runtime in a folder, whose logs are in a varLog or in a folder of
// their own.
func newNode(dir, socket string, withVarLog bool) Node {
	n := Node{Dir: dir, PodLogsDir: filepath.Join(dir, "pods"), socket: filepath.Join(dir, socket)}
	if withVarLog {
		n.varLog = varLog(filepath.Join(dir, "log"))
		n.PodLogsDir = n.varLog.outside("/var/log/pods")
	}
	return n
}

// Endpoint is where the runtime serves CRI.
func (n *Node) Endpoint() string { return "unix://" + n.socket }

// Dial returns a new client of the runtime, under a name of the API that it knows.
func (n *Node) Dial() (*Client, error) { return n.dial(n.Endpoint()) }

// dial is Dial for any socket at which the runtime answers, as a shim's.
func (n *Node) dial(endpoint string) (*Client, error) {
	if n.alphaAPI {
		return DialV1alpha2(endpoint)
	}
	return Dial(endpoint)
}

// LegacyDir is a folder for the legacy links of pods, which kubelet uses, and a shim when
// its configuration says so. It is not there before.
func (n *Node) LegacyDir() string {
	if n.varLog != "" {
		return n.varLog.outside("/var/log/containers")
	}
	return filepath.Join(n.Dir, "legacy")
}

// Outside is the name by which a test finds a file that the runtime, kubelet or the shim
// calls by another, since it is below what they see as /var/log.
func (n *Node) Outside(path string) string { return n.varLog.outside(path) }

// cgroup is the parent of the cgroups of all pods.
func (n *Node) cgroup() string { return cgroupOf(n.Dir) }

func (n *Node) node() *Node { return n }
