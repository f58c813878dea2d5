package logline

import "bytes"

// parseCRI parses a record of the CRI log format, which containerd, CRI-O and kubelet
// know (kubelet: pkg/kubelet/kuberuntime/logs), without its newline:
//
//	2016-10-06T00:17:09.669794202Z stdout F content
//
// The third field is a list of tags with colons between them, of which the first tells
// whether the line is partial (P) or full (F).
func parseCRI(b []byte) record {
	space := []byte(" ")
	stamp, rest, _ := bytes.Cut(b, space)
	when, err := parseTime(stamp)
	if err != nil {
		return record{text: b, err: errTime}
	}
	name, rest, _ := bytes.Cut(rest, space)
	stream := streamOf(name)
	if stream == None {
		return record{text: b, err: errStream}
	}
	tags, text, found := bytes.Cut(rest, space)
	partial, known := parseTags(tags)
	switch {
	case !known:
		return record{text: b, err: errTag}
	case !found:
		return record{text: b, err: errText}
	default:
		return record{time: when, stream: stream, partial: partial, text: text}
	}
}

func parseTags(tags []byte) (partial, known bool) {
	if len(tags) == 0 || len(tags) > 1 && tags[1] != ':' {
		return false, false
	}
	return tags[0] == 'P', tags[0] == 'P' || tags[0] == 'F'
}
