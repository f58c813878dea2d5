package deflate

import (
	"math/bits"
	"slices"
)

const maxCodeLength = 15 // bits, RFC 1951 section 3.2.1

// code is a symbol's code as it is written: its first bit is the lowest. A symbol that
// is not used has a code of no bits.
type code struct{ bits, count uint32 }

// makeCodes makes a code for each symbol by how often it is used: no code has
// more than limit bits.
func makeCodes(codes []code, counts []uint32, limit int) {
	clear(codes)
	var store [literalCodes]uint32
	symbols := store[:0] // with the count above the symbol: at most chunk, 18 bits
	for symbol, n := range counts {
		if n > 0 {
			symbols = append(symbols, n<<9|uint32(symbol))
		}
	}
	slices.Sort(symbols)
	perLength := lengthsOf(symbols, limit)
	i := 0
	for length := limit; length > 0; length-- {
		for range perLength[length] {
			codes[symbols[i]&(1<<9-1)].count = uint32(length)
			i++
		}
	}
	number(codes, perLength)
}

// lengthsOf is how many codes there are of each length, for symbols with their counts in
// ascending order. Codes that would be too long are cut to the limit, and others made
// longer until all fit. The best code within a limit (package-merge) would take longer to
// find, for a case that logs hardly ever have.
func lengthsOf(symbols []uint32, limit int) (perLength [maxCodeLength + 1]int) {
	if len(symbols) < 2 {
		perLength[1] = len(symbols)
		return perLength
	}
	space := 0 // taken by the codes, in units of a code of limit bits
	for _, depth := range depths(symbols) {
		length := min(int(depth), limit)
		perLength[length]++
		space += 1 << (limit - length)
	}
	for ; space > 1<<limit; space-- {
		// One code less at the limit makes room if another becomes two, one bit longer.
		length := limit - 1
		for perLength[length] == 0 {
			length--
		}
		perLength[limit]--
		perLength[length]--
		perLength[length+1] += 2
	}
	return perLength
}

// depths are those of the symbols in a Huffman tree. Symbols are two at least, with
// their counts in ascending order. The two queues are those of van Leeuwen: leaves in order,
// and nodes, which come to be in order.
func depths(symbols []uint32) []uint32 {
	var weights, parents [2 * literalCodes]uint32
	n := len(symbols)
	for i, s := range symbols {
		weights[i] = s >> 9
	}
	leaf, node := 0, n
	for next := n; next < 2*n-1; next++ {
		for range 2 {
			least := &node
			if leaf < n && (node == next || weights[leaf] <= weights[node]) {
				least = &leaf
			}
			weights[next] += weights[*least]
			parents[*least] = uint32(next)
			*least++
		}
	}
	depth := weights[:] // no longer needed
	depth[2*n-2] = 0
	for i := 2*n - 3; i >= 0; i-- {
		depth[i] = depth[parents[i]] + 1
	}
	return slices.Clone(depth[:n])
}

// number gives the codes their bits (section 3.2.2): in the order of their lengths, and
// then of their symbols.
func number(codes []code, perLength [maxCodeLength + 1]int) {
	var next [maxCodeLength + 2]uint16
	for length, n := range perLength {
		next[length+1] = (next[length] + uint16(n)) << 1
	}
	for i := range codes {
		length := codes[i].count
		if length > 0 {
			codes[i].bits = uint32(bits.Reverse16(next[length]) >> (16 - length))
			next[length]++
		}
	}
}
