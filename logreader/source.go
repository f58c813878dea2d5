package logreader

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

// Source is where logs are: the disk of this node, or a server that has it. All of its methods
// may be called by several goroutines at once.
type Source interface {
	// Pods lists the pods of which there may be logs, also those that were removed.
	Pods(ctx context.Context) ([]Pod, error)
	// Containers lists the names of a pod's containers of which there may be logs.
	Containers(ctx context.Context, p Pod) ([]string, error)
	// Files lists the files of all attempts of a container, in the order in which they were
	// written, each once. fs.ErrNotExist: there is nothing of the container any longer.
	Files(ctx context.Context, c Container) (Listing, error)
	// Open opens a file of a listing. If that is no longer what its name stands for, the
	// error wraps fs.ErrNotExist: it was rotated, compressed or removed meanwhile, and a new
	// listing tells which. The handle is good until ctx ends.
	Open(ctx context.Context, c Container, f File) (Handle, error)
	// Watch returns what tells when there may be something new of a container. Whoever
	// watches looks once more after it has begun to.
	Watch(ctx context.Context, c Container) (Bell, error)
}

// Container names a container of a pod, in all of its attempts.
type Container struct {
	Pod
	Name string
}

// Listing is what there is of a container's logs.
type Listing struct {
	Files []File // the oldest first
	// Ended is whether the pod was removed, so that nothing more will come.
	Ended bool
	// PassedOver tells of what bears the name of a log and is not read, and why.
	PassedOver []error
}

// File is one file of a container's logs.
type File struct {
	// Name is how the source calls the file now.
	Name string
	// Key is the name that a rotated file keeps when it is compressed, within its attempt.
	// Empty: it is current, or its name changes with each rotation, as with Docker's files.
	Key string
	// ID tells the file from every other and survives a rename, but no compression. Zero:
	// the source cannot tell.
	ID          ID
	Attempt     uint32
	Compression Compression
	// Size is how many bytes are stored, and LastWrite when they were written. Zero: not known.
	Size      int64
	LastWrite time.Time
	// Rotated is when the file ceased to be current; zero: it is current.
	Rotated time.Time
}

// Current tells whether the file is the one that is written to, or was when its attempt ended.
func (f File) Current() bool { return f.Rotated.IsZero() }

// Compare orders files of a container as they were written, as cmp.Compare orders numbers. Rotated
// files without a Key are equal, so that a stable sort leaves them as they are.
func (f File) Compare(other File) int {
	switch {
	case f.Attempt != other.Attempt:
		return cmp.Compare(f.Attempt, other.Attempt)
	case f.Current():
		if other.Current() {
			return 0
		}
		return 1
	case other.Current():
		return -1
	case f.Key == "" || other.Key == "":
		return 0
	}
	return f.Rotated.Compare(other.Rotated)
}

// ID is a file's identity on a disk. The number of an inode is given to another file when its
// own is removed, so a name that is given anew, as that of the current file is, does not tell the
// two apart without the time of their birth. That may be zero: not known.
type ID struct{ Device, Inode, Born uint64 }

// Is tells whether two identities may be those of one file.
func (id ID) Is(other ID) bool {
	return id.Device == other.Device && id.Inode == other.Inode && (id.Born == other.Born || id.Born == 0 || other.Born == 0)
}

// Compression is how a file is compressed.
type Compression = logname.Compression

// The kinds of compression.
const (
	Plain = logname.Plain
	Gzip  = logname.Gzip
	Zstd  = logname.Zstd
)

// Handle is an open file, with the bytes as they are stored. It stays that file whatever becomes
// of its name, as far as the source can see to that; fs.ErrNotExist if it no longer can.
type Handle interface {
	// Read gives io.EOF at what is the end for now, and may be asked again. Whatever is read
	// through is read by it, since the daemon sees how far that has come, and waits for it.
	io.ReadSeekCloser
	io.ReaderAt
	// Size is how many bytes are stored now.
	Size() (int64, error)
	// Settled tells whether nobody writes to the file any longer, so that the end that is
	// read after this is its end for good. It is asked only of a file with a successor, or of
	// a pod that has ended. Where the source cannot know it guesses by the time since.
	Settled() (bool, error)
}

// Bell wakes whoever follows a log.
type Bell interface {
	// Wait returns when there may be something new, or when it is time to look anyway.
	Wait(ctx context.Context) error
	Close() error
}

// Finder is a Source that knows containers by their id.
type Finder interface {
	// ByID finds the containers, and their attempts, whose id begins with prefix.
	ByID(ctx context.Context, prefix string) ([]Identified, error)
}

// Identified is a container with the id of one of its attempts.
type Identified struct {
	Container
	ID      string
	Attempt uint32
}
