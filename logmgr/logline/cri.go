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
	stamp, rest, _ := cut(b)
	when, err := parseTime(stamp)
	if err != nil {
		return record{text: b, err: errTime}
	}
	name, rest, _ := cut(rest)
	stream := streamOf(name)
	if stream == None {
		return record{text: b, err: errStream}
	}
	tags, text, found := cut(rest)
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

// cut is bytes.Cut at the first space, which it finds sooner.
func cut(b []byte) (before, after []byte, found bool) {
	if n := bytes.IndexByte(b, ' '); n >= 0 {
		return b[:n], b[n+1:], true
	}
	return b, nil, false
}

func parseTags(tags []byte) (partial, known bool) {
	if len(tags) == 0 || len(tags) > 1 && tags[1] != ':' {
		return false, false
	}
	return tags[0] == 'P', tags[0] == 'P' || tags[0] == 'F'
}
