package deflate

import (
	"encoding/binary"
	"math/bits"
)

// Codes of RFC 1951, section 3.2.5.
const (
	endOfBlock    = 256
	firstLength   = 257 // the code of the shortest match
	literalCodes  = 286 // of literals, the end and lengths
	distanceCodes = 30
	minLength     = 3
	maxLength     = 258
	maxStored     = 1<<16 - 1 // bytes in a stored block
)

// Kinds of blocks (section 3.2.3), of those that are used here.
const (
	storedBlock  = 0 << 1
	dynamicBlock = 2 << 1
)

// lengthCode is the code of a match's length, counted from that of the shortest.
func lengthCode(length int) uint {
	n := uint(length - minLength)
	switch {
	case n < 8:
		return n
	case length == maxLength:
		return 28
	}
	extra := extraOfLength(n)
	return extra<<2 + n>>extra
}

// extraOfLength is how many bits follow the code of length n+3.
func extraOfLength(n uint) uint {
	if n < 8 || n == maxLength-minLength {
		return 0
	}
	return uint(bits.Len(n)) - 3
}

// distanceCode is the code of a distance, and how many bits follow it.
func distanceCode(distance uint32) (code, extra uint) {
	n := uint(distance - 1)
	if n < 4 {
		return n, 0
	}
	extra = uint(bits.Len(n)) - 2
	return extra<<1 + n>>extra, extra
}

// blockCodes are the codes of one block.
type blockCodes struct {
	literals  [literalCodes]code
	distances [distanceCodes]code
	lengths   [maxLength + 1]code // by a match's length, with the bits that follow
	header    header
}

// block writes text, which is what the matcher has found last, as one block or, if that is
// shorter, as it is.
func (z *Writer) block(text []byte, last bool) {
	z.matcher.literals[endOfBlock] = 1
	if z.codes.make(&z.matcher) < 8*len(text) {
		z.bits = z.codes.header.write(z.bits, z.out[:], last)
		z.bits = z.codes.write(z.bits, z.out[:], text, &z.matcher)
	} else {
		z.store(text, last)
	}
	z.flush()
}

// make chooses the codes for what the matcher has found, and returns how many bits the
// block will have.
func (c *blockCodes) make(m *matcher) int {
	makeCodes(c.literals[:], m.literals[:], maxCodeLength)
	makeCodes(c.distances[:], m.distances[:], maxCodeLength)
	size := c.header.make(c.literals[:], c.distances[:])
	for symbol, n := range m.literals {
		size += int(n) * int(c.literals[symbol].count)
	}
	for symbol, n := range m.distances {
		extra := max(symbol/2-1, 0)
		size += int(n) * (int(c.distances[symbol].count) + extra)
	}
	for length := minLength; length <= maxLength; length++ {
		n := uint(length - minLength)
		extra := extraOfLength(n)
		of := c.literals[firstLength+lengthCode(length)]
		c.lengths[length] = code{of.bits | uint32(n&(1<<extra-1))<<of.count, of.count + uint32(extra)}
	}
	for symbol := firstLength + 8; symbol < literalCodes-1; symbol++ {
		size += int(m.literals[symbol]) * ((symbol-firstLength)/4 - 1)
	}
	return size
}

// write writes the sequences of text, the literals after them and the end of the block.
func (c *blockCodes) write(b bitBuffer, out, text []byte, m *matcher) bitBuffer {
	for _, s := range m.sequences[:m.n] {
		b = c.writeLiterals(b, out, text[:s.literals])
		text = text[s.literals+s.length:]
		symbol, extra := distanceCode(s.distance)
		of := c.distances[symbol]
		distance := uint64(of.bits) | uint64(s.distance-1)&(1<<extra-1)<<of.count
		for length := int(s.length); length > 0; {
			n := piece(length)
			is := c.lengths[n]
			b = b.add(uint64(is.bits), uint(is.count)).add(distance, uint(of.count)+extra).full(out)
			length -= n
		}
	}
	b = c.writeLiterals(b, out, text)
	end := c.literals[endOfBlock]
	return b.add(uint64(end.bits), uint(end.count)).full(out)
}

// writeLiterals writes three at a time, which are 45 bits at most.
func (c *blockCodes) writeLiterals(b bitBuffer, out, text []byte) bitBuffer {
	for len(text) >= 3 {
		first, second, third := c.literals[text[0]], c.literals[text[1]], c.literals[text[2]]
		b = b.add(uint64(first.bits), uint(first.count))
		b = b.add(uint64(second.bits), uint(second.count))
		b = b.add(uint64(third.bits), uint(third.count)).full(out)
		text = text[3:]
	}
	for _, literal := range text {
		of := c.literals[literal]
		b = b.add(uint64(of.bits), uint(of.count))
	}
	return b.full(out)
}

// store writes text as it is (section 3.2.4), in as many blocks as it takes.
func (z *Writer) store(text []byte, last bool) {
	for more := true; more; {
		n := min(len(text), maxStored)
		more = n < len(text)
		z.bits = z.bits.add(storedBlock|isLast(last && !more), 3).align(z.out[:])
		at := z.bits.at
		binary.LittleEndian.PutUint16(z.out[at:], uint16(n))
		binary.LittleEndian.PutUint16(z.out[at+2:], ^uint16(n))
		z.bits.at = at + 4 + copy(z.out[at+4:], text[:n])
		text = text[n:]
	}
}

// isLast is the bit that tells whether a block is the last one.
func isLast(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}
