// Package readers finds out who reads a log file and how far they have got. The
// kernel tells both of every open file: /proc/<pid>/fd leads to the file,
// whatever its name is by now, and /proc/<pid>/fdinfo has the position. So a
// collector needs to know nothing of us.
//
// What it cannot see: a position that the kernel does not keep. A reader that
// maps a file into memory, or reads at places of its own (pread, io_uring with
// offsets), seems to stand at the beginning; a descriptor under way in a socket
// belongs to nobody; and who has a single file mounted under a name of his own is
// not found. Nor does it see processes outside of the pid namespace of its /proc,
// or those that may not be looked into: Found.Denied and Finder.Confined tell of
// them.
//
// It knows nothing of policy, of names of files or of when to look.
package readers
