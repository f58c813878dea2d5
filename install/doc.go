// Package install puts cri-logshim on a node and takes it away again: it finds out how kubelet
// is started and which runtime there is, plans a change to each file, shows it, carries it
// out so that it can be taken back at any point, and looks whether kubelet is healthy
// afterwards.
//
// What was changed stands in a record (see Record) before the first file is touched, with the
// files as they were beside it. So whoever comes after a run that was cut short, or wants all
// of it undone, knows what to do. It knows nothing of how calls are forwarded or logs are kept.
package install
