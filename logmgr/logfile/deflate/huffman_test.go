package deflate

import (
	"testing"

	"pgregory.net/rapid"
)

// Codes fill the space that there is and no more, none is too long, none the beginning of
// another, and a more frequent symbol has no longer code.
func TestCodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{maxHeaderLength, maxCodeLength}).Draw(t, "limit")
		most := map[int]int{maxHeaderLength: lengthSymbols, maxCodeLength: literalCodes}[limit]
		count := rapid.OneOf(rapid.Uint32Range(0, 3), rapid.Uint32Range(0, chunk), rapid.Map(rapid.IntRange(0, 17), func(n int) uint32 { return 1 << n }))
		n := rapid.IntRange(1, most).Draw(t, "n")
		counts := rapid.SliceOfN(count, n, n).Draw(t, "counts")
		codes := make([]code, n)
		makeCodes(codes, counts, limit)
		wantCodes(t, codes, counts, limit)
	})
}

// Fibonacci's numbers make the deepest tree of all: 23 bits where 15 are allowed, or fewer.
func TestCodesAreLimited(t *testing.T) {
	counts := []uint32{1, 1}
	for n := len(counts); n < 24; n++ {
		counts = append(counts, counts[n-1]+counts[n-2])
	}
	for limit := range maxCodeLength + 1 {
		if 1<<limit < len(counts) {
			continue
		}
		codes := make([]code, len(counts))
		makeCodes(codes, counts, limit)
		wantCodes(t, codes, counts, limit)
	}
}

// fataler is a test or a check of a property.
type fataler interface {
	Fatalf(format string, args ...any)
}

func wantCodes(t fataler, codes []code, counts []uint32, limit int) {
	space, symbols := 0, 0
	for i, c := range codes {
		if (c.count > 0) != (counts[i] > 0) || int(c.count) > limit || c.bits>>c.count != 0 {
			t.Fatalf("symbol %d, used %d times, has %d bits", i, counts[i], c.count)
		}
		if c.count == 0 {
			continue
		}
		symbols++
		space += 1 << (limit - int(c.count))
		for j, other := range codes[:i] {
			if other.count == 0 {
				continue
			}
			if n := min(c.count, other.count); (c.bits^other.bits)&(1<<n-1) == 0 {
				t.Fatalf("the codes of %d and %d cannot be told apart", i, j)
			}
			if counts[i] > counts[j] && c.count > other.count || counts[j] > counts[i] && other.count > c.count {
				t.Fatalf("%d is used %d times and has %d bits, %d %d times and %d bits", i, counts[i], c.count, j, counts[j], other.count)
			}
		}
	}
	if symbols > 1 && space != 1<<limit {
		t.Fatalf("%d of %d are taken", space, 1<<limit)
	}
}

// All lengths and distances are told by the codes that the format has for them.
func TestCodesOfMatches(t *testing.T) {
	base, code, extra := minLength, uint(0), uint(0)
	for length := minLength; length < maxLength; length++ {
		if length == base+1<<extra {
			base, code = length, code+1
			extra = uint(max(0, int(code)/4-1))
		}
		if got := lengthCode(length); got != code || extraOfLength(uint(length-minLength)) != extra {
			t.Errorf("length %d: code %d with %d bits, not %d with %d", length, got, extraOfLength(uint(length-minLength)), code, extra)
		}
	}
	if got := lengthCode(maxLength); got != 28 || extraOfLength(maxLength-minLength) != 0 {
		t.Errorf("longest length: code %d", got)
	}
	base, code, extra = 1, 0, 0
	for distance := 1; distance <= window; distance++ {
		if distance == base+1<<extra {
			base, code = distance, code+1
			extra = uint(max(0, int(code)/2-1))
		}
		if got, bits := distanceCode(uint32(distance)); got != code || bits != extra {
			t.Errorf("distance %d: code %d with %d bits, not %d with %d", distance, got, bits, code, extra)
		}
	}
	if code != distanceCodes-1 {
		t.Errorf("%d codes of distances", code+1)
	}
}

// However long a match is, it is told in pieces that have codes.
func TestPieces(t *testing.T) {
	for length := minLength; length < 3000; length++ {
		for left := length; left > 0; {
			n := piece(left)
			if n < minLength || n > maxLength {
				t.Fatalf("%d of %d: a piece of %d", left, length, n)
			}
			left -= n
		}
	}
}
