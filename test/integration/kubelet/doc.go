// Package kubelet holds kubelet's own functions to what cri-logshim leaves in log
// directories. Its module names the kubelet, kube-apiserver and kubectl that the integration
// tests run, too, with the versions of everything that they were released with; so it
// imports nothing of this repository.
package kubelet
