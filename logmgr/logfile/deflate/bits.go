package deflate

import "encoding/binary"

// bitBuffer packs bits into bytes, the lowest first (RFC 1951 section 3.1.1). It is
// passed by value so that it lives in registers.
type bitBuffer struct {
	bits  uint64 // not yet written
	count uint   // of them, at most 7 after full
	at    int    // where the next byte goes
}

// add adds count bits. At most 56 may be added before full is called.
func (b bitBuffer) add(bits uint64, count uint) bitBuffer {
	b.bits |= bits << (b.count & 63)
	b.count += count
	return b
}

// full writes the full bytes to out, in which there must be room for 8.
func (b bitBuffer) full(out []byte) bitBuffer {
	binary.LittleEndian.PutUint64(out[b.at:], b.bits)
	b.at += int(b.count / 8)
	b.bits >>= b.count &^ 7 & 63
	b.count &= 7
	return b
}

// align writes everything and fills the last byte with zeros.
func (b bitBuffer) align(out []byte) bitBuffer {
	b.count += -b.count & 7
	return b.full(out)
}
