package logmgr

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// dockerFile is a container's log as Docker keeps it with compress: when it is rotated, the
// last one is compressed in the background.
type dockerFile struct {
	*testing.T
	path string
}

func (d dockerFile) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d dockerFile) write(path string) {
	d.Helper()
	d.must(os.WriteFile(path, []byte("text"), 0o600))
}

// rotate gives every file the next number; of those that are compressed too.
func (d dockerFile) rotate() {
	d.Helper()
	for n := 8; n > 0; n-- {
		for _, suffix := range []string{"", ".gz"} {
			from := fmt.Sprintf("%s.%d%s", d.path, n, suffix)
			if _, err := os.Lstat(from); err == nil {
				d.must(os.Rename(from, fmt.Sprintf("%s.%d%s", d.path, n+1, suffix)))
			}
		}
	}
	d.must(os.Rename(d.path, d.path+".1"))
	d.write(d.path)
}

// begin has the youngest rotated file compressed in part, end completes that.
func (d dockerFile) begin() { d.Helper(); d.write(d.path + ".1.gz") }
func (d dockerFile) end()   { d.Helper(); d.must(os.Remove(d.path + ".1")) }

// now is a time that lies between those of all files before and all after it: they bear that
// of the kernel's last tick.
func (d dockerFile) now() time.Time {
	d.Helper()
	now := time.Now()
	for {
		file := filepath.Join(d.TempDir(), "tick")
		d.write(file)
		st, err := statFile(file)
		d.must(err)
		if st.age.born.After(now) {
			return now
		}
	}
}

// TestCompressedRotationsAreCounted: the number of rotations between two looks is told from
// files that are compressed by then, or about to be, or still are being.
func TestCompressedRotationsAreCounted(t *testing.T) {
	for name, test := range map[string]struct {
		before, between func(d dockerFile)
		want            int64
	}{
		"none":                {dockerFile.rotate, func(dockerFile) {}, 0},
		"only a compression":  {func(d dockerFile) { d.rotate() }, func(d dockerFile) { d.begin(); d.end() }, 0},
		"its end":             {func(d dockerFile) { d.rotate(); d.begin() }, dockerFile.end, 0},
		"one":                 {func(dockerFile) {}, func(d dockerFile) { d.rotate(); d.begin(); d.end() }, 1},
		"one, not compressed": {func(dockerFile) {}, dockerFile.rotate, 1},
		"one, half done":      {func(dockerFile) {}, func(d dockerFile) { d.rotate(); d.begin() }, 1},
		"one after a compression": {
			dockerFile.rotate, func(d dockerFile) { d.begin(); d.end(); d.rotate(); d.begin(); d.end() }, 1,
		},
		"three": {
			func(d dockerFile) { d.rotate(); d.begin(); d.end() },
			func(d dockerFile) {
				for range 3 {
					d.rotate()
					d.begin()
					d.end()
				}
			}, 3,
		},
		"three, the last half done": {
			func(d dockerFile) { d.rotate(); d.begin() },
			func(d dockerFile) {
				d.end()
				for i := range 3 {
					d.rotate()
					d.begin()
					if i < 2 {
						d.end()
					}
				}
			}, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := dockerFile{t, filepath.Join(t.TempDir(), "id-json.log")}
			d.write(d.path)
			test.before(d)
			var f outletFile
			if got, err := f.look(d.path, d.now()); got != 0 || err != nil {
				t.Fatalf("the first look tells of %d rotations, %v", got, err)
			}
			test.between(d)
			if got, err := f.look(d.path, d.now()); got != test.want || err != nil {
				t.Errorf("%d rotations are told of, want %d: %v", got, test.want, err)
			}
			if got, err := f.look(d.path, d.now()); got != 0 || err != nil {
				t.Errorf("%d rotations are told of once more, %v", got, err)
			}
		})
	}
}

// TestRotationDuringALook: a rotation that comes between the look at the current file and the
// list of the others, or is just giving them other numbers, is not counted at both looks.
func TestRotationDuringALook(t *testing.T) {
	begin := func(t *testing.T) (d dockerFile, f outletFile, current fileAge) {
		t.Helper()
		d = dockerFile{t, filepath.Join(t.TempDir(), "id-json.log")}
		d.write(d.path)
		_, err := f.look(d.path, d.now())
		d.must(err)
		d.rotate()
		seen, err := statFile(d.path)
		d.must(err)
		return d, f, seen.age
	}
	count := func(d dockerFile, before outletFile, current fileAge) int64 {
		d.Helper()
		found, err := listRotated(filepath.Dir(d.path), filepath.Base(d.path))
		d.must(err)
		return found.since(before, current)
	}
	t.Run("the current file is rotated", func(t *testing.T) {
		d, f, current := begin(t)
		d.rotate()
		if got := count(d, f, current); got != 1 {
			t.Errorf("%d rotations are told of, want 1", got)
		}
	})
	t.Run("the others are moved up", func(t *testing.T) {
		d, f, current := begin(t)
		d.must(os.Rename(d.path+".1", d.path+".2"))
		if got := count(d, f, current); got != 1 {
			t.Errorf("%d rotations are told of, want 1", got)
		}
	})
	t.Run("no race", func(t *testing.T) {
		d, f, _ := begin(t)
		d.rotate()
		current, err := statFile(d.path)
		d.must(err)
		if got := count(d, f, current.age); got != 2 {
			t.Errorf("%d rotations are told of, want 2", got)
		}
	})
}

func TestRotatedNumber(t *testing.T) {
	const name = "id-json.log"
	for file, want := range map[string]int{
		name + ".1": 1, name + ".12": 12, name + ".3.gz": 3,
		name: 0, name + ".": 0, name + ".0": 0, name + ".-1": 0, name + ".01": 0, name + ".+1": 0, name + ".1.gz.tmp": 0,
		name + ".gz": 0, name + ".x": 0, name + ".99999999999999999999": 0, "x" + name + ".1": 0, "config.v2.json": 0,
	} {
		number, compressed, is := rotatedNumber(name, file)
		if number != want || is != (want > 0) || compressed != (file == name+".3.gz") {
			t.Errorf("%q: %d, compressed: %t, is one: %t", file, number, compressed, is)
		}
	}
}
