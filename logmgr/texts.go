package logmgr

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// texts is a map of texts in one piece of memory, a third of what the map takes: labels
// are kept for as long as their container and read only when the settings change.
type texts string

// pack makes texts of a map.
func pack(m map[string]string) texts {
	var b []byte
	for _, key := range slices.Sorted(maps.Keys(m)) {
		for _, s := range [...]string{key, m[key]} {
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
	}
	return texts(b)
}

// unpack makes the map again; nil if it was empty.
func (t texts) unpack() map[string]string {
	if t == "" {
		return nil
	}
	m := map[string]string{}
	for rest := string(t); rest != ""; {
		var key, value string
		key, rest = cutText(rest)
		value, rest = cutText(rest)
		m[key] = value
	}
	return m
}

// cutText cuts the first text off.
func cutText(from string) (text, rest string) {
	var length [binary.MaxVarintLen64]byte
	copy(length[:], from)
	n, width := binary.Uvarint(length[:])
	end := uint64(width) + n
	return from[width:end], from[end:]
}

// partOf returns s, as a part of whole if it is one: then whole keeps it, and no memory
// of its own.
func partOf(whole, s string) string {
	if i := strings.Index(whole, s); i >= 0 {
		return whole[i : i+len(s)]
	}
	return s
}
