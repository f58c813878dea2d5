package logfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// cacheStep is how many bytes of a file that is compressed, or of its result, may lie in
// the page cache. The files have been read for the last time for long: the memory
// belongs to those that are read still.
const cacheStep = 4 << 20

// dropping is a file that is read or written from its start to its end, and leaves
// little of itself in the page cache behind it.
type dropping struct {
	file *os.File
	step func(file *os.File, from, length int64) // what to do with each cacheStep

	at, done int64 // bytes that were read or written, and stepped over
}

func (d *dropping) Read(p []byte) (int, error) {
	n, err := d.file.Read(p)
	d.pass(n)
	return n, err
}

func (d *dropping) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	d.pass(n)
	return n, err
}

func (d *dropping) pass(n int) {
	d.at += int64(n)
	if d.at-d.done < cacheStep {
		return
	}
	d.step(d.file, d.done, d.at-d.done)
	d.done = d.at
}

// dropCache tells the kernel that nobody will read a part of a file soon; length 0 means
// to its end. It is advice, and nothing is lost if the kernel does not take it. What is
// not on the disk yet stays.
func dropCache(file *os.File, from, length int64) {
	_ = unix.Fadvise(int(file.Fd()), from, length, unix.FADV_DONTNEED)
}

// writeOut has a part of a file written to the disk, so that the fsync at the end finds
// little to do and holds up nobody else's, and drops the part. Errors of writing are
// fsync's to tell.
func writeOut(file *os.File, from, length int64) {
	const andWait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	_ = unix.SyncFileRange(int(file.Fd()), from, length, andWait)
	dropCache(file, from, length)
}
