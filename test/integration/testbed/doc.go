// Package testbed runs the real programs around cri-logshim, and cri-logshim itself, for
// the integration tests, the demo and the benchmark: private containerds of several
// versions and a private Docker behind the real dockershim, pods whose containers write
// numbered lines, and a verification of what became of those lines on disk.
//
// A runtime of the testbed is the machine's neighbour, never its tenant. It has its own
// root, state, sockets and configuration in a temporary directory, its mounts and
// processes live in namespaces of its own (see the command cell), and its cgroups below one
// parent, so that Close leaves nothing of it. It does not see the machine's /run, nor a
// mount that was made after it. Its pods share the machine's network.
//
// The package asserts nothing and knows nothing of package testing. It needs root, a
// cache that hack/setup.sh has filled, and a go command in the search path. It is to be
// used from within this module's folders.
package testbed
