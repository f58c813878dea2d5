package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	shortBits    = 14 // of the table by 6 bytes: shorter repetitions gain little in logs
	longBits     = 14 // of the table by 8 bytes
	maxSequences = 8 << 10
	// stride is the distance in bytes of the places within a match that are remembered.
	// Others are found by what they are part of, or at the place that was matched.
	stride = 16
	// tail are bytes at the end of a chunk where no match begins, so that 8 bytes can
	// be loaded wherever one is looked for.
	tail = 16
	// patience is the binary logarithm of the literals after which only every second
	// place is looked at, then every third and so on: what does not repeat costs little.
	patience = 6
)

// sequence is some literals and what follows them: length bytes that are the same as
// those distance bytes before.
type sequence struct {
	literals, length, distance uint32
}

// matcher finds repetitions. Its tables have the lower 16 bits of places, so
// they are half as large and never need mending: a stale or wrong entry is one that does
// not compare equal, or is beyond the window.
type matcher struct {
	short [1 << shortBits]uint16
	long  [1 << longBits]recent

	sequences [maxSequences]sequence
	n         int // of sequences

	literals  [literalCodes]uint32 // how often each code is used
	distances [distanceCodes]uint32
}

// recent are the two last places with one hash.
type recent struct{ last, previous uint16 }

func (m *matcher) reset() {
	clear(m.short[:])
	clear(m.long[:])
}

// find makes sequences of text[from:end] until there is no room for more, and returns
// where it stopped. Matches begin at oldest at the earliest.
func (m *matcher) find(text []byte, oldest, from, end int) int {
	m.n = 0
	clear(m.literals[:])
	clear(m.distances[:])
	done, limit := from, end-tail
	for s := from; s < limit; {
		if m.n == maxSequences {
			return done
		}
		length, t := m.probe(text, oldest, s, end)
		if length == 0 {
			s += 1 + (s-done)>>patience
			continue
		}
		s, length, t = m.improve(text, oldest, s, length, t, end)
		for s > done && t > oldest && text[s-1] == text[t-1] {
			s, t, length = s-1, t-1, length+1
		}
		m.add(text[done:s], length, s-t)
		done = s + length
		m.remember(text, s+2, min(done, limit)-1)
		s = done
	}
	m.count(text[done:end])
	return end
}

// probe looks for a match at s: its length, 0 if there is none, and its place. It
// remembers s.
func (m *matcher) probe(text []byte, oldest, s, end int) (length, t int) {
	here := load64(text, s)
	short, long := &m.short[hashShort(here)], &m.long[hashLong(here)]
	shortPlace, places := *short, *long
	*short, *long = uint16(s), recent{uint16(s), places.last}

	t = place(s, places.last)
	if load64(text, t) == here && allowed(oldest, t, s) {
		length = 8 + common(text, t+8, s+8, end)
		u := place(s, places.previous)
		if reaches(text, u, s, length, end) && allowed(oldest, u, s) {
			if other := common(text, u, s, end); other > length {
				return other, u
			}
		}
		return length, t
	}
	t = place(s, places.previous)
	if load64(text, t) == here && allowed(oldest, t, s) {
		return 8 + common(text, t+8, s+8, end), t
	}
	t = place(s, shortPlace)
	differ := load64(text, t) ^ here
	if uint32(differ) != 0 || !allowed(oldest, t, s) {
		return 0, 0
	}
	if differ != 0 {
		return bits.TrailingZeros64(differ) / 8, t
	}
	return 8 + common(text, t+8, s+8, end), t
}

// improve looks for a longer match than the one at s: one that begins a byte later, and
// one of which the bytes after this match are a part.
func (m *matcher) improve(text []byte, oldest, s, length, t, end int) (_, _, _ int) {
	next := s + 1
	places := &m.long[hashLong(load64(text, next))]
	candidates := *places
	*places = recent{uint16(next), candidates.last}
	for _, entry := range [2]uint16{candidates.last, candidates.previous} {
		u := place(next, entry)
		if reaches(text, u, next, length, end) && allowed(oldest, u, next) {
			if other := common(text, u, next, end); other > length {
				s, length, t = next, other, u
			}
		}
	}
	after := s + length
	if after >= end-tail {
		return s, length, t
	}
	here := load64(text, after)
	u := place(after, m.long[hashLong(here)].last)
	distance := after - u
	if distance == s-t || load64(text, u) != here || !allowed(oldest, s-distance, s) {
		return s, length, t
	}
	// What it gains at the end may be worth two bytes at the beginning.
	if other := common(text, s+2-distance, s+2, end); other > length {
		return s + 2, other, s + 2 - distance
	}
	return s, length, t
}

// remember puts places within a match into the tables, from the first on, and the last one.
func (m *matcher) remember(text []byte, first, last int) {
	for i := first; i < last; i += stride {
		here := load64(text, i)
		m.rememberLong(here, i)
		m.short[hashShort(here>>8)] = uint16(i + 1)
	}
	here := load64(text, last)
	m.rememberLong(here, last)
	m.short[hashShort(here)] = uint16(last)
}

func (m *matcher) rememberLong(here uint64, i int) {
	places := &m.long[hashLong(here)]
	*places = recent{uint16(i), places.last}
}

// add notes a sequence and counts its codes.
func (m *matcher) add(literals []byte, length, distance int) {
	m.count(literals)
	m.sequences[m.n] = sequence{uint32(len(literals)), uint32(length), uint32(distance)}
	m.n++
	code, _ := distanceCode(uint32(distance))
	for length > 0 {
		n := piece(length)
		m.literals[firstLength+lengthCode(n)]++
		m.distances[code]++
		length -= n
	}
}

func (m *matcher) count(literals []byte) {
	for _, c := range literals {
		m.literals[c]++
	}
}

// piece is how much of a match of that length one code can tell: 258 at most, and never
// so much that 1 or 2 are left.
func piece(length int) int {
	switch {
	case length <= maxLength:
		return length
	case length < maxLength+minLength:
		return length - minLength
	}
	return maxLength
}

// place is the last place at or before s with these lower bits.
func place(s int, entry uint16) int { return s - int(uint16(s)-entry) }

// allowed tells whether a match of s may be at t.
func allowed(oldest, t, s int) bool { return t >= oldest && uint(s-t-1) < window }

// reaches tells whether a match of s at t can be longer than length: if not, then mostly
// because of the bytes up to there.
func reaches(text []byte, t, s, length, end int) bool {
	last := max(length-7, 0)
	return s+length < end-tail && load64(text, t+last) == load64(text, s+last)
}

// common is how many bytes at t and at s, later, are the same, before end.
func common(text []byte, t, s, end int) int {
	a, b := text[s:end], text[t:]
	b = b[:len(a)]
	n := 0
	for len(a) >= 8 && len(b) >= 8 {
		if differ := load64(a, 0) ^ load64(b, 0); differ != 0 {
			return n + bits.TrailingZeros64(differ)/8
		}
		a, b, n = a[8:], b[8:], n+8
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		n++
	}
	return n
}

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// golden is 2^64 divided by the golden ratio, made odd: multiplicative hashing, TAOCP 6.4.
const golden = 0x9e3779b97f4a7c15

func hashShort(here uint64) uint64 { return here << 16 * golden >> (64 - shortBits) }

func hashLong(here uint64) uint64 { return here * golden >> (64 - longBits) }
