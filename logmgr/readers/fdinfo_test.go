package readers

import "testing"

// What the kernel says about a descriptor is understood in the forms of all its
// versions.
func TestParseInfo(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  fdinfo
		reads bool
		bad   bool
	}{
		"since 5.14":   {text: "pos:\t4096\nflags:\t0100000\nmnt_id:\t25\nino:\t1306\n", want: fdinfo{pos: 4096, flags: 0o100000, inode: 1306}, reads: true},
		"before":       {text: "pos:\t1\nflags:\t02100000\nmnt_id:\t25\n", want: fdinfo{pos: 1, flags: 0o2100000}, reads: true},
		"with locks":   {text: "pos:\t0\nflags:\t0100000\nino:\t7\nlock:\t1: FLOCK  ADVISORY  READ 12 08:01:7 0 EOF\n", want: fdinfo{flags: 0o100000, inode: 7}, reads: true},
		"appends":      {text: "pos:\t9\nflags:\t0102001\nino:\t7\n", want: fdinfo{pos: 9, flags: 0o102001, inode: 7}},
		"only names":   {text: "pos:\t0\nflags:\t012000000\nino:\t7\n", want: fdinfo{flags: 0o12000000, inode: 7}},
		"empty":        {bad: true},
		"without pos":  {text: "flags:\t0100000\nino:\t7\n", bad: true},
		"no number":    {text: "pos:\tx\nflags:\t0100000\n", bad: true},
		"no octal":     {text: "pos:\t0\nflags:\t09\n", bad: true},
		"out of range": {text: "pos:\t9223372036854775808\nflags:\t0\n", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			info, ok := parseInfo([]byte(c.text))
			if ok == c.bad {
				t.Fatalf("understood: %t", ok)
			}
			if ok && (info != c.want || info.reads() != c.reads) {
				t.Errorf("%+v, reads: %t", info, info.reads())
			}
		})
	}
}
