package dockertest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// jsonFile is the file of a container with Docker's driver json-file. It is rotated the
// way Docker does (20.10, daemon/logger/loggerutils): before a record, once the file has
// its size; by renaming the whole row of numbers; and what is opened then is truncated
// and not appended to.
type jsonFile struct {
	path     string
	maxSize  int64 // bytes; 0: it is never rotated
	maxFiles int   // the current one included
	compress bool

	mu      sync.Mutex
	file    *os.File
	size    int64
	packing sync.WaitGroup // the newest rotated file, until the next rotation
	failed  error          // the first error of that
}

// openJSONFile opens the file at path with the options of daemon.json.
func openJSONFile(path string, options map[string]string) (*jsonFile, error) {
	l := &jsonFile{path: path, maxFiles: 1, compress: options["compress"] == "true"}
	var err error
	if text := options["max-size"]; text != "" {
		if l.maxSize, err = parseSize(text); err != nil {
			return nil, err
		}
	}
	if text := options["max-file"]; text != "" {
		if l.maxFiles, err = strconv.Atoi(text); err != nil {
			return nil, err
		}
	}
	if l.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640); err != nil {
		return nil, err
	}
	info, err := l.file.Stat()
	if err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	l.size = info.Size()
	return l, nil
}

// parseSize knows whole numbers with k, m or g.
func parseSize(text string) (int64, error) {
	factor := int64(1)
	for unit := range strings.SplitSeq("k m g", " ") {
		factor *= 1000
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(number, 10, 64)
			return n * factor, err
		}
	}
	return strconv.ParseInt(text, 10, 64)
}

// write appends a record.
func (l *jsonFile) write(stream string, text []byte, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.maxSize > 0 && l.size >= l.maxSize {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("rotate %q: %w", l.path, err)
		}
	}
	n, err := l.file.Write(appendRecord(nil, stream, text, at))
	l.size += int64(n)
	return err
}

func (l *jsonFile) rotate() error {
	l.packing.Wait()
	if err := errors.Join(l.failed, l.file.Close(), l.shift()); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	l.file, l.size = file, 0
	if l.compress && l.maxFiles > 1 {
		l.packing.Go(func() { l.failed = pack(l.path + ".1") })
	}
	return nil
}

// shift gives every rotated file the next number, the last one falls out, and the current
// one becomes the first.
func (l *jsonFile) shift() error {
	extension := ""
	if l.compress {
		extension = ".gz"
	}
	for number := l.maxFiles - 1; number > 1; number-- {
		to := fmt.Sprintf("%s.%d%s", l.path, number, extension)
		from := fmt.Sprintf("%s.%d%s", l.path, number-1, extension)
		if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(l.path, l.path+".1")
}

// pack compresses a file, which has both names for a while.
func pack(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	to, err := os.OpenFile(path+".gz", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o640)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	packed := gzip.NewWriter(to)
	_, err = io.Copy(packed, from)
	if err = errors.Join(err, packed.Close(), to.Close(), from.Close()); err != nil {
		return err
	}
	return os.Remove(path)
}

func (l *jsonFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packing.Wait()
	return errors.Join(l.failed, l.file.Close())
}

// appendRecord appends a record as Docker spells it (daemon/logger/jsonfilelog/jsonlog).
func appendRecord(b []byte, stream string, text []byte, at time.Time) []byte {
	b = append(b, '{')
	if len(text) > 0 {
		b = append(appendQuoted(append(b, `"log":`...), text), ',')
	}
	b = append(b, `"stream":"`+stream+`","time":"`...)
	return append(at.UTC().AppendFormat(b, time.RFC3339Nano), "\"}\n"...)
}

// appendQuoted appends a JSON string. Docker escapes what HTML and JavaScript could
// mistake, and writes what is no UTF-8 as the replacement character.
func appendQuoted(b, text []byte) []byte {
	b = append(b, '"')
	for len(text) > 0 {
		char, size := utf8.DecodeRune(text)
		switch {
		case char == '"' || char == '\\':
			b = append(b, '\\', byte(char))
		case char == '\n':
			b = append(b, `\n`...)
		case char == '\r':
			b = append(b, `\r`...)
		case char < ' ' || strings.ContainsRune("<>&\u2028\u2029", char) || char == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\u%04x`, char)
		default:
			b = append(b, text[:size]...)
		}
		text = text[size:]
	}
	return append(b, '"')
}
