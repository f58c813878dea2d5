package disk

import "os"

// IsSettled asks whether somebody has a file open for writing.
func IsSettled(f *os.File) (bool, error) { return handle{f}.Settled() }
