package testbed

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// logFiles are the files of a log, the oldest first and the current one last. What a
// rotation adds to a name begins with a time of fixed width, so names sort by age. A
// compression that has not ended is left out, its source is still there.
func logFiles(log string) ([]string, error) {
	dir, current := filepath.Split(log)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the files of a log: %w", err)
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		switch rest, ok := strings.CutPrefix(name, current); {
		case !ok || strings.HasSuffix(rest, ".tmp"):
		case rest == "" || strings.HasPrefix(rest, "."):
			files = append(files, filepath.Join(dir, name))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("list the files of a log: %q: %w", log, os.ErrNotExist)
	}
	slices.SortFunc(files, func(a, b string) int {
		if a == log || b == log {
			return cmp.Compare(len(b), len(a)) // the current name is the shortest
		}
		return strings.Compare(plainName(a), plainName(b))
	})
	return files, nil
}

// plainName is the name of a file before it was compressed.
func plainName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

func uncompressed(extension string, file io.Reader) (io.ReadCloser, error) {
	switch extension {
	case ".gz":
		return gzip.NewReader(file)
	case ".zst":
		decoder, err := zstd.NewReader(file)
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	default:
		return io.NopCloser(file), nil
	}
}
