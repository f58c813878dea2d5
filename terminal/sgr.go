package terminal

import "strconv"

// Reset ends all colours.
const Reset = "\x1b[0m"

// maxSequence is how long a sequence may be that is let through.
const maxSequence = 64

// sgr is the length of the sequence for colours and the like at the beginning of text, if it is
// whole and hides nothing. Where it is not whole, it may be in text with more behind it.
//
//	ESC [ 1 ; 38 ; 5 ; 208 m
func sgr(text []byte) (length int, whole bool) {
	if len(text) < 2 || text[1] != '[' {
		return 0, false
	}
	for at := 2; at < min(len(text), maxSequence); at++ {
		switch c := text[at]; {
		case c >= '0' && c <= '9' || c == ';' || c == ':':
		case c == 'm':
			return at + 1, !hides(text[2:at])
		default:
			return 0, false
		}
	}
	return 0, false
}

// hides tells whether parameters conceal text (8). What comes behind 38, 48 and 58 tells a
// colour: 5 and a number, or 2 and three of them. So does all behind a colon.
func hides(parameters []byte) bool {
	skip, colour := 0, false
	for len(parameters) > 0 {
		var value int
		value, parameters = parameter(parameters)
		switch {
		case colour && value == 2:
			colour, skip = false, 3
		case colour && value == 5:
			colour, skip = false, 1
		case colour:
			return true // nobody knows what a terminal makes of the rest
		case skip > 0:
			skip--
		case value == 38 || value == 48 || value == 58:
			colour = true
		case value == 8:
			return true
		}
	}
	return false
}

// parameter takes the first parameter. One with colons stands for itself: -1.
func parameter(parameters []byte) (value int, rest []byte) {
	end := 0
	colon := len(parameters)
	for end < len(parameters) && parameters[end] != ';' {
		if parameters[end] == ':' && end < colon {
			colon = end
		}
		end++
	}
	rest = parameters[min(end+1, len(parameters)):]
	value, err := strconv.Atoi(string(parameters[:min(colon, end)]))
	if err != nil {
		value = -1 // empty, or too large for anything
	}
	if colon < end && (value == 38 || value == 48 || value == 58) {
		value = -1
	}
	return value, rest
}
