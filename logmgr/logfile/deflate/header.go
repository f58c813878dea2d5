package deflate

// Symbols of the code in which the lengths of the other codes are written (RFC 1951
// section 3.2.7), beside the lengths themselves.
const (
	repeatLast = 16 // 3 to 6 times, 2 bits
	fewZeros   = 17 // 3 to 10, 3 bits
	manyZeros  = 18 // 11 to 138, 7 bits

	lengthSymbols   = 19
	maxHeaderLength = 7 // bits of a code of these symbols
)

// header tells a reader the codes of a dynamic block.
type header struct {
	literals, distances, symbols int // how many of each are told of
	codes                        [lengthSymbols]code
	steps                        [literalCodes + distanceCodes]step
	n                            int // of steps
	counts                       [lengthSymbols]uint32
}

// step is a symbol and what follows it.
type step struct{ symbol, extra uint8 }

// make prepares the header for these codes and returns how many bits it will have.
func (h *header) make(literals, distances []code) int {
	h.literals, h.distances = used(literals, firstLength), used(distances, 1)
	var lengths [literalCodes + distanceCodes]uint8
	all := lengths[:0]
	for _, c := range literals[:h.literals] {
		all = append(all, uint8(c.count))
	}
	for _, c := range distances[:h.distances] {
		all = append(all, uint8(c.count))
	}
	h.n = 0
	clear(h.counts[:])
	for len(all) > 0 {
		run := 1
		for run < len(all) && all[run] == all[0] {
			run++
		}
		h.run(all[0], run)
		all = all[run:]
	}
	makeCodes(h.codes[:], h.counts[:], maxHeaderLength)
	return h.size()
}

// used is how many codes there are without the unused ones at the end, but at least least.
func used(codes []code, least int) int {
	n := len(codes)
	for n > least && codes[n-1].count == 0 {
		n--
	}
	return n
}

// run adds n codes of the same length.
func (h *header) run(length uint8, n int) {
	if length > 0 {
		h.step(length, 0)
		n--
	}
	for n >= 3 {
		symbol, least, most := uint8(repeatLast), 3, 6
		switch {
		case length == 0 && n > 10:
			symbol, least, most = manyZeros, 11, 138
		case length == 0:
			symbol, most = fewZeros, 10
		}
		times := min(n, most)
		h.step(symbol, uint8(times-least))
		n -= times
	}
	for ; n > 0; n-- {
		h.step(length, 0)
	}
}

func (h *header) step(symbol, extra uint8) {
	h.steps[h.n] = step{symbol, extra}
	h.n++
	h.counts[symbol]++
}

func (h *header) size() int {
	h.symbols = lengthSymbols
	for order := symbolOrder(); h.symbols > 4 && h.codes[order[h.symbols-1]].count == 0; {
		h.symbols--
	}
	size := 3 + 5 + 5 + 4 + 3*h.symbols
	for symbol, n := range h.counts {
		size += int(n) * int(uint(h.codes[symbol].count)+extraOfStep(uint8(symbol)))
	}
	return size
}

// write begins a block.
func (h *header) write(b bitBuffer, out []byte, last bool) bitBuffer {
	b = b.add(dynamicBlock|isLast(last), 3).add(uint64(h.literals-firstLength), 5)
	b = b.add(uint64(h.distances-1), 5).add(uint64(h.symbols-4), 4).full(out)
	order := symbolOrder()
	for _, symbol := range order[:h.symbols] {
		b = b.add(uint64(h.codes[symbol].count), 3).full(out)
	}
	for _, s := range h.steps[:h.n] {
		of := h.codes[s.symbol]
		b = b.add(uint64(of.bits), uint(of.count)).add(uint64(s.extra), extraOfStep(s.symbol)).full(out)
	}
	return b
}

// extraOfStep is how many bits follow a symbol.
func extraOfStep(symbol uint8) uint {
	switch symbol {
	case repeatLast:
		return 2
	case fewZeros:
		return 3
	case manyZeros:
		return 7
	}
	return 0
}

// symbolOrder is the order in which the lengths of the header's own codes are told.
func symbolOrder() [lengthSymbols]uint8 {
	return [lengthSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
}
