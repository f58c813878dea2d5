package logline

import "time"

// Record is what is known of a record of a log, apart from its text.
type Record struct {
	Time   time.Time
	Stream Stream
	// Partial is whether its line goes on in the stream's next record.
	Partial bool
	// Err is nil, or tells why it is no record.
	Err error
}

// ParseRecord parses a record of either format without its newline. It is for who looks for a
// place in a log, and need not read it from its beginning for that. Of a record of the CRI
// format what comes before the text is enough.
func ParseRecord(b []byte) Record {
	if len(b) == 0 {
		return Record{Err: errTime}
	}
	parse := parseCRI
	if b[0] == '{' {
		parse = func(b []byte) record { return parseJSON(b, nil) }
	}
	rec := parse(b)
	return Record{Time: rec.time, Stream: rec.stream, Partial: rec.partial, Err: rec.err}
}
