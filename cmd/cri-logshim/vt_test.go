package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// vt is a terminal as a program sees it: it does what control sequences ask for, and remembers
// what it does not know, which is a fault of whoever has sent it.
type vt struct {
	mu            sync.Mutex
	width, height int
	main, other   [][]rune // the screens: the ordinary one, and that of programs which fill it
	alternate     bool
	x, y          int
	top, bottom   int // of what scrolls
	cursorHidden  bool
	pending       []byte
	unknown       []string
	colours       int // how often one was set
}

func newVT(width, height int) *vt {
	v := &vt{width: width, height: height, bottom: height - 1}
	v.main, v.other = v.blank(), v.blank()
	return v
}

func (v *vt) blank() [][]rune {
	rows := make([][]rune, v.height)
	for i := range rows {
		rows[i] = []rune(strings.Repeat(" ", v.width))
	}
	return rows
}

// resize makes both screens another size, as terminals do, which lets the program draw anew.
func (v *vt) resize(width, height int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.width, v.height = width, height
	for _, screen := range []*[][]rune{&v.main, &v.other} {
		rows := v.blank()
		for i := range min(height, len(*screen)) {
			copy(rows[i], (*screen)[i])
		}
		*screen = rows
	}
	v.x, v.y = min(v.x, width-1), min(v.y, height-1)
	v.top, v.bottom = 0, height-1
}

func (v *vt) screen() [][]rune {
	if v.alternate {
		return v.other
	}
	return v.main
}

// String is the text on the screen.
func (v *vt) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var lines []string
	for _, row := range v.screen() {
		lines = append(lines, strings.TrimRight(string(row), " "))
	}
	return strings.Join(lines, "\n")
}

// state tells whether a program has the screen for itself, hides the cursor, or has sent what
// no terminal needs to know.
func (v *vt) state() (alternate, cursorHidden bool, unknown []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.alternate, v.cursorHidden, v.unknown
}

// coloured tells whether a colour was set.
func (v *vt) coloured() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.colours > 0
}

// Write implements io.Writer.
func (v *vt) Write(text []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending = append(v.pending, text...)
	for {
		used := v.step(v.pending)
		if used == 0 {
			return len(text), nil
		}
		v.pending = v.pending[used:]
	}
}

var (
	csi = regexp.MustCompile("^\x1b\\[([<=>?]?)([0-9;:]*)([ !$\"']*)([@-~])")
	osc = regexp.MustCompile("^\x1b\\][^\x07\x1b]*(\x07|\x1b\\\\)")
	dcs = regexp.MustCompile("^\x1b[P_][^\x1b]*\x1b\\\\")
)

// step does what comes first, and returns how many bytes that was; 0: it is not whole yet.
func (v *vt) step(text []byte) int {
	switch {
	case len(text) == 0:
		return 0
	case text[0] == '\x1b':
		return v.escape(text)
	case !utf8.FullRune(text):
		return 0
	}
	r, size := utf8.DecodeRune(text)
	switch r {
	case '\r':
		v.x = 0
	case '\n':
		v.down()
	case '\b':
		v.x = max(0, v.x-1)
	case '\t':
		v.x = min(v.width-1, (v.x/8+1)*8)
	default:
		if r < ' ' {
			v.unknown = append(v.unknown, strconv.QuoteRune(r))
			return size
		}
		v.put(r)
	}
	return size
}

// put shows a character and moves on. Nothing wide is shown in tests.
func (v *vt) put(r rune) {
	if v.x >= v.width {
		v.x = 0
		v.down()
	}
	v.screen()[v.y][v.x] = r
	v.x++
}

// down goes to the next row; at the last one the rows go up.
func (v *vt) down() {
	if v.y == v.bottom {
		v.scroll(v.top, 1)
		return
	}
	v.y = min(v.y+1, v.height-1)
}

// scroll moves the rows from one on so many up, or down if it is less than 0.
func (v *vt) scroll(from, by int) {
	rows := v.screen()
	region := rows[from : v.bottom+1]
	moved := slices.Clone(region)
	for i := range region {
		if j := i + by; j >= 0 && j < len(moved) {
			region[i] = moved[j]
		} else {
			region[i] = []rune(strings.Repeat(" ", v.width))
		}
	}
}

func (v *vt) escape(text []byte) int {
	if found := csi.FindSubmatch(text); found != nil {
		v.control(string(found[1]), string(found[2]), string(found[3])+string(found[4]))
		return len(found[0])
	}
	if found := osc.Find(text); found != nil {
		return len(found)
	}
	if found := dcs.Find(text); found != nil {
		return len(found)
	}
	if len(text) > 1 && text[1] == 'M' { // to the row above
		if v.y == v.top {
			v.scroll(v.top, -1)
		} else {
			v.y = max(0, v.y-1)
		}
		return 2
	}
	if len(text) > 1 && !strings.ContainsRune("[]P_", rune(text[1])) {
		v.unknown = append(v.unknown, strconv.Quote(string(text[:2])))
		return 2
	}
	return 0
}

// control does what a control sequence asks for.
func (v *vt) control(private, parameters, final string) {
	var n []int
	for p := range strings.SplitSeq(parameters, ";") {
		value, _ := strconv.Atoi(p) // none is 0
		n = append(n, value)
	}
	count := max(1, n[0])
	row := v.screen()[v.y]
	switch private + final {
	case "H":
		column := 1
		if len(n) > 1 {
			column = max(1, n[1])
		}
		v.x, v.y = min(column, v.width)-1, min(count, v.height)-1
	case "A":
		v.y = max(0, v.y-count)
	case "B":
		v.y = min(v.height-1, v.y+count)
	case "C":
		v.x = min(v.width-1, v.x+count)
	case "D":
		v.x = max(0, v.x-count)
	case "G", "`":
		v.x = min(count, v.width) - 1
	case "d":
		v.y = min(count, v.height) - 1
	case "K":
		v.erase(row, n[0])
	case "J":
		v.erase(row, n[0])
		for y, other := range v.screen() {
			if y > v.y && n[0] != 1 || y < v.y && n[0] > 0 {
				v.erase(other, 2)
			}
		}
	case "X":
		for x := v.x; x < min(v.width, v.x+count); x++ {
			row[x] = ' '
		}
	case "b":
		for last := row[max(0, v.x-1)]; count > 0; count-- {
			v.put(last)
		}
	case "P": // takes characters out
		count = min(count, v.width-v.x)
		copy(row[v.x:], row[v.x+count:])
		copy(row[v.width-count:], []rune(strings.Repeat(" ", count)))
	case "@": // makes room for characters
		count = min(count, v.width-v.x)
		copy(row[v.x+count:], slices.Clone(row[v.x:]))
		copy(row[v.x:v.x+count], []rune(strings.Repeat(" ", count)))
	case "L":
		v.scroll(v.y, -count)
	case "M":
		v.scroll(v.y, count)
	case "S":
		v.scroll(v.top, count)
	case "T":
		v.scroll(v.top, -count)
	case "r":
		v.top, v.bottom, v.x, v.y = count-1, v.height-1, 0, 0
		if len(n) > 1 && n[1] > 0 {
			v.bottom = min(n[1], v.height) - 1
		}
	case "?h", "?l":
		v.mode(n, final == "h")
	case "m":
		for _, code := range n {
			if code >= 30 && code < 50 && code != 39 && code != 49 || code >= 90 && code < 108 {
				v.colours++
			}
		}
	case ">m", "?m", "=u", ">u", "<u", "?u", "c", ">c", " q", ">q", "?$p", "?n", "n", "t", "?W":
		// tabs where they are, keys as they are, and questions that a terminal need not answer
	default:
		v.unknown = append(v.unknown, fmt.Sprintf("%q", "\x1b["+private+parameters+final))
	}
}

// erase blanks a row from the cursor on (0), up to it (1) or all of it.
func (v *vt) erase(row []rune, which int) {
	for x := range row {
		if which > 1 || which == 0 && x >= v.x || which == 1 && x <= v.x {
			row[x] = ' '
		}
	}
}

func (v *vt) mode(which []int, on bool) {
	for _, n := range which {
		switch n {
		case 25:
			v.cursorHidden = !on
		case 1049:
			v.alternate = on
			if on {
				v.other = v.blank()
			}
		}
	}
}
