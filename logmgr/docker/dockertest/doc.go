// Package dockertest stands in for cri-dockerd, and for the Docker Engine behind it, in
// tests: it answers CRI v1 as dockershim 1.23 answers v1alpha2 wherever logs are concerned,
// from which cri-dockerd was made, and the engine's questions about containers. Its
// containers are no processes, but what they write goes to real files of Docker's driver
// json-file, with Docker's own rotation.
//
// It passes the same suite as the real dockershim (runtimetest.ConformRedirecting).
package dockertest
