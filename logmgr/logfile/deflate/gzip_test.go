package deflate

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// compress writes text in pieces of that many bytes.
func compress(t *testing.T, z *Writer, text []byte, piece int) []byte {
	t.Helper()
	var out bytes.Buffer
	z.Reset(&out)
	for len(text) > 0 {
		n := min(piece, len(text))
		if written, err := z.Write(text[:n]); written != n || err != nil {
			t.Fatalf("wrote %d of %d bytes: %v", written, n, err)
		}
		text = text[n:]
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// wantBack fails unless two decoders that others have made read text.
func wantBack(t *testing.T, packed, text []byte) {
	t.Helper()
	for name, open := range map[string]func(io.Reader) (io.Reader, error){
		"compress/gzip": func(r io.Reader) (io.Reader, error) { return stdgzip.NewReader(r) },
		"klauspost":     func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	} {
		r, err := open(bytes.NewReader(packed))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%s: %d bytes came back as %d: %v", name, len(text), len(got), err)
		}
	}
}

// random makes n bytes of so many different ones, the same every time.
func random(n, different int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), uint64(different)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(different))
	}
	return b
}

// logLines makes n lines as a runtime writes them.
func logLines(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "2026-01-02T03:04:%02d.%09dZ stdout F {\"level\":\"info\",\"request\":\"%08x\",\"status\":%d,\"ms\":%d}\n",
			i/1000%60, r.IntN(1e9), r.Uint32(), 200+r.IntN(5), r.IntN(3000))
	}
	return b.Bytes()
}

// skewed has bytes of which each is about half as frequent as the one before: without a
// limit their codes would be longer than the format allows.
func skewed() []byte {
	var b []byte
	for symbol, n := 0, 1; n < 1<<17; symbol, n = symbol+1, n*2 {
		b = append(b, bytes.Repeat([]byte{byte(symbol)}, n)...)
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	return b
}

func inputs() map[string][]byte {
	all := map[string][]byte{
		"log lines":      logLines(5000),
		"random":         random(3*chunk, 256),
		"bits":           random(1<<18, 2),
		"three letters":  random(1<<18, 3),
		"sixteen":        random(1<<18, 16),
		"skewed":         skewed(),
		"zeros":          make([]byte, 3*chunk),
		"one long line":  bytes.Repeat([]byte("x"), 3*chunk+1),
		"period of 3":    bytes.Repeat([]byte("abc"), 1<<16),
		"random + lines": append(random(300_000, 256), logLines(3000)...),
		"all bytes":      allBytes(),
	}
	for _, n := range []int{0, 1, 2, 3, 4, 7, 8, tail - 1, tail, tail + 1, 2 * tail, 257, 258, 259, 260, 261, 262, 516, 517, 518, 519} {
		all[fmt.Sprintf("%d zeros", n)] = make([]byte, n)
		all[fmt.Sprintf("%d random", n)] = random(n, 256)
	}
	for _, edge := range []int{window, before, chunk, chunk + before, 2 * chunk} {
		for n := edge - 2; n <= edge+2; n++ {
			all[fmt.Sprintf("%d bytes of lines", n)] = logLines(4000)[:n]
			all[fmt.Sprintf("%d random bytes", n)] = random(n, 256)
		}
	}
	return all
}

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// Whatever is compressed comes back, however it is handed over, and costs hardly anything if
// it cannot be made smaller. What a used Writer writes is what a new one does.
func TestRoundTrip(t *testing.T) {
	used := NewWriter(nil)
	for name, text := range inputs() {
		t.Run(name, func(t *testing.T) {
			packed := compress(t, used, text, 256<<10)
			wantBack(t, packed, text)
			if most := len(text) + len(text)/4096 + 32; len(packed) > most {
				t.Errorf("%d bytes became %d, more than %d", len(text), len(packed), most)
			}
			for _, piece := range []int{1 << 30, 4093, 1 + len(text)>>16} {
				if again := compress(t, NewWriter(nil), text, piece); !bytes.Equal(again, packed) {
					t.Errorf("in pieces of %d bytes: something else", piece)
				}
			}
		})
	}
}

// A repetition is used up to the farthest distance of the format and not beyond, also
// where its first half has just moved to the front of the buffer.
func TestWindowEdge(t *testing.T) {
	lines, phrase := logLines(6000), random(60, 256)
	backwards := bytes.Clone(phrase)
	slices.Reverse(backwards)
	for _, at := range []int{0, chunk - window, chunk - window - 30, chunk - window/2, 2 * chunk} {
		for distance := window - 2; distance <= window+2; distance++ {
			sizes := map[bool]int{}
			for _, repeats := range []bool{true, false} {
				text := bytes.Clone(lines[:at+distance+1000])
				copy(text[at:], phrase)
				copy(text[at+distance:], map[bool][]byte{true: phrase, false: backwards}[repeats])
				packed := compress(t, NewWriter(nil), text, len(text))
				wantBack(t, packed, text)
				sizes[repeats] = len(packed)
			}
			if gain := sizes[false] - sizes[true]; (gain > 30) != (distance <= window) {
				t.Errorf("a phrase at %d and %d bytes later saves %d bytes", at, distance, gain)
			}
		}
	}
}

// What lies before the beginning of a stream is never pointed at, though it may look as
// what comes before a repetition of the beginning: zeros, or the end of an earlier stream.
func TestBeginning(t *testing.T) {
	phrase, filler := random(60, 256), random(500, 200)
	for name, earlier := range map[string][]byte{"zeros": make([]byte, 40), "an earlier stream": random(40, 251)} {
		z := NewWriter(nil)
		copy(z.text[before-len(earlier):before], earlier)
		text := bytes.Join([][]byte{phrase, filler[:250], earlier, filler[250:], earlier, phrase}, nil)
		t.Run(name, func(t *testing.T) { wantBack(t, compress(t, z, text, len(text)), text) })
	}
}

// Log lines come out no larger than Go's own gzip makes them, but for a twentieth.
func TestRatio(t *testing.T) {
	text := logLines(8000)
	var theirs bytes.Buffer
	z := stdgzip.NewWriter(&theirs)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if ours := len(compress(t, NewWriter(nil), text, 1<<16)); 100*ours > 105*theirs.Len() {
		t.Errorf("%d bytes became %d, and %d with compress/gzip", len(text), ours, theirs.Len())
	}
}

// The size in the trailer is modulo 2^32 (RFC 1952 section 2.3.1).
func TestSizeWraps(t *testing.T) {
	var out bytes.Buffer
	z := NewWriter(&out)
	z.size = 1<<32 - 10
	if _, err := z.Write(make([]byte, 4106)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.Bytes()[out.Len()-4:]; !bytes.Equal(got, []byte{0, 16, 0, 0}) {
		t.Errorf("the size after 2^32 + 4096 bytes is told as % x", got)
	}
}

// failing takes so many bytes, and no more.
type failing int

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if n := int(*f); n < len(p) {
		*f = 0
		return n, errFull
	}
	*f -= failing(len(p))
	return len(p), nil
}

// An error of what is written to is told by Write or else by Close, wherever it happens, and
// by each call after it.
func TestErrors(t *testing.T) {
	text := append(random(3*chunk, 256), logLines(3000)...)
	all := len(compress(t, NewWriter(nil), text, len(text)))
	for room := 0; room < all; room += 29989 {
		f := failing(room)
		z := NewWriter(&f)
		_, err := io.Copy(struct{ io.Writer }{z}, strings.NewReader(string(text)))
		if err != nil {
			if _, again := z.Write([]byte("x")); !errors.Is(err, errFull) || !errors.Is(again, errFull) {
				t.Errorf("room for %d of %d bytes: %v, then %v", room, all, err, again)
			}
		}
		for range 2 {
			if err := z.Close(); !errors.Is(err, errFull) {
				t.Errorf("room for %d of %d bytes: Close: %v", room, all, err)
			}
		}
		wantBack(t, compress(t, z, text, len(text)), text)
	}
}

func TestClosed(t *testing.T) {
	var out bytes.Buffer
	z := NewWriter(&out)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	size := out.Len()
	if n, err := z.Write([]byte("x")); n != 0 || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Write after Close: %d, %v", n, err)
	}
	if err := z.Close(); err != nil || out.Len() != size {
		t.Errorf("second Close: %v, %d bytes more", err, out.Len()-size)
	}
}

// FuzzRoundTrip makes texts of repetitions at all distances, from what the fuzzer says.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("2026-01-02T03:04:05.000000001Z stdout F hello\n"), []byte{1, 2, 3, 255, 0, 128}, uint16(100))
	f.Add([]byte{}, []byte{}, uint16(0))
	f.Add([]byte("ab"), []byte{200, 200, 200, 200}, uint16(65535))
	z := NewWriter(nil)
	f.Fuzz(func(t *testing.T, text, steps []byte, piece uint16) {
		text = bytes.Clone(text)
		for i := 0; i+2 < len(steps) && len(text) > 0 && len(text) < 4*chunk; i += 3 {
			n := 1 + int(steps[i])<<(steps[i+1]&7)
			from := (int(steps[i+2]) << 8) % len(text)
			if steps[i+1]&8 > 0 {
				from = max(0, len(text)-window-int(int8(steps[i+2])))
			}
			for j := range n {
				text = append(text, text[from+j])
			}
			text = append(text, random(int(steps[i+1]>>4), 256)...)
		}
		wantBack(t, compress(t, z, text, 1+int(piece)), text)
	})
}
