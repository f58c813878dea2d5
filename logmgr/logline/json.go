package logline

import (
	"bytes"
	"encoding/json"
)

// parseJSON parses a record of Docker's json-file driver, without its newline:
//
//	{"log":"content\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}
//
// There may be "attrs". Docker makes a record of every line, and cuts one that is longer
// than 16 KiB: a "log" that does not end in a newline goes on in the stream's next record.
// What the text needs beyond b is appended to room.
func parseJSON(b, room []byte) record {
	fields, ok := scanFields(b, room)
	if !ok {
		if fields, ok = decodeFields(b); !ok {
			return record{text: b, err: errJSON}
		}
	}
	when, err := parseTime(fields.time)
	if err != nil {
		return record{text: b, err: errTime}
	}
	stream := streamOf(fields.stream)
	if stream == None {
		return record{text: b, err: errStream}
	}
	return record{time: when, stream: stream, partial: !fields.whole, text: fields.text}
}

// fields are the values of a JSON record: text and whole are of "log".
type fields struct {
	text, stream, time []byte
	whole              bool
}

// decodeFields takes any JSON, at leisure.
func decodeFields(b []byte) (fields, bool) {
	var decoded struct {
		Log    string `json:"log"`
		Stream string `json:"stream"`
		Time   string `json:"time"`
	}
	if err := json.Unmarshal(b, &decoded); err != nil {
		return fields{}, false
	}
	text, whole := bytes.CutSuffix([]byte(decoded.Log), []byte("\n"))
	return fields{text, []byte(decoded.Stream), []byte(decoded.Time), whole}, true
}
