// Package kubelet123 has nothing in it. Its module names the oldest kubelet that the
// integration tests run, the last line that speaks CRI v1alpha2, so that it is built with
// the versions of everything that it was released with. The dockershim of that kubelet is
// the command dockershim.
package kubelet123
