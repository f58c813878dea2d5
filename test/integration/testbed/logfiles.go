package testbed

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// logFiles are the files of a log, the oldest first and the current one last. What a
// rotation adds to a name begins with a time of fixed width, so names sort by age. A
// compression that has not ended is left out, its source is still there. So is the second
// name of a file, where the log is in several directories.
//
// Where one log is a link, its files are Docker's, where the link leads.
func logFiles(logs ...string) ([]string, error) {
	if target, err := os.Readlink(logs[0]); err == nil && len(logs) == 1 {
		return dockerFiles(target)
	}
	var files []string
	known := map[uint64]bool{} // inodes
	for _, log := range logs {
		dir, current := filepath.Split(log)
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("list the files of a log: %w", err)
		}
		for _, entry := range entries {
			if !isOf(current, entry.Name()) {
				continue
			}
			info, err := entry.Info()
			if err != nil {
				return nil, fmt.Errorf("list the files of a log: %w", err)
			}
			if inode := info.Sys().(*syscall.Stat_t).Ino; !known[inode] { //nolint:forcetypeassert // it is, on Linux
				known[inode] = true
				files = append(files, filepath.Join(dir, entry.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("list the files of a log: %q: %w", logs, os.ErrNotExist)
	}
	slices.SortFunc(files, func(a, b string) int {
		if aIs, bIs := slices.Contains(logs, a), slices.Contains(logs, b); aIs || bIs {
			return cmp.Compare(len(filepath.Base(b)), len(filepath.Base(a))) // the current name is the shortest
		}
		return strings.Compare(plainName(a), plainName(b))
	})
	return files, nil
}

// RotatedFiles are the rotated files of a log, the oldest first, each once: one that has just
// been compressed may be there twice.
func RotatedFiles(log string) ([]string, error) {
	files, err := logFiles(log)
	if err != nil {
		return nil, err
	}
	files = slices.CompactFunc(files, func(a, b string) bool { return plainName(a) == plainName(b) })
	return slices.DeleteFunc(files, func(name string) bool { return name == log }), nil
}

// UncompressedSize is how many bytes a file of a log has, or had before it was compressed.
func UncompressedSize(name string) (int64, error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	content, err := uncompressed(filepath.Ext(name), file)
	if err != nil {
		return 0, fmt.Errorf("measure %q: %w", name, err)
	}
	defer content.Close()
	return io.Copy(io.Discard, content)
}

// dockerFiles are the files of Docker's json-file driver, the oldest first. It numbers what
// it has rotated, from the newest on, so there is no gap.
func dockerFiles(current string) ([]string, error) {
	if _, err := os.Stat(current); err != nil {
		return nil, fmt.Errorf("list the files of a log: %w", err)
	}
	files := []string{current}
	for number := 1; ; number++ {
		name := fmt.Sprintf("%s.%d", current, number)
		if _, err := os.Stat(name); err != nil { // or else Docker is at compressing it
			name += ".gz"
		}
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			slices.Reverse(files)
			return files, nil
		} else if err != nil {
			return nil, fmt.Errorf("list the files of a log: %w", err)
		}
		files = append(files, name)
	}
}

// isOf tells whether a name is that of a file of a log.
func isOf(log, name string) bool {
	rest, ok := strings.CutPrefix(name, log)
	return ok && !strings.HasSuffix(rest, ".tmp") && (rest == "" || strings.HasPrefix(rest, "."))
}

// plainName is the name of a file before it was compressed, wherever it is.
func plainName(name string) string {
	name = filepath.Base(name)
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
