// Package runtimetest stands in for container runtimes in tests of the log
// manager: a Fake whose containers write numbered lines into real files the way
// containerd or conmon does and fail as scripted, a doorbell that works under
// testing/synctest, and Verify, which tells whether every line is still there,
// once and in order.
//
// Conform states what the log manager relies on. The Fake and every real runtime
// have to pass it, so that what is tested with the one holds for the others.
package runtimetest
