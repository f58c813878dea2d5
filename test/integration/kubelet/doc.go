// Package kubelet holds kubelet's own functions to what cri-logshim leaves in log
// directories. Its module names the kubelet that the integration tests run, too, with the
// versions of everything that kubelet was released with; so it imports nothing of this
// repository.
package kubelet
