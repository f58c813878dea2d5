package page

import (
	"fmt"
	"html/template"
	"strconv"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// words put facts into words, as static/words.js does.
func words() template.FuncMap {
	return template.FuncMap{
		"blankBound":    func() bound { return bound{} },
		"blankEvent":    func() event { return event{} },
		"blankReader":   func() api.Reader { return api.Reader{} },
		"count64":       func(n int) string { return count(int64(n)) },
		"diskMore":      diskMore,
		"eventOf":       func(e api.Event, now time.Time) event { return event{e, when(e.Time, now)} },
		"managedMore":   managedMore,
		"rate":          func(n int64) string { return formatBytes(&n) + "/s" },
		"rotationsMore": rotationsMore,
		"rowOf":         rowOf,
		"runtime":       runtimeName,
		"runtimeMore":   runtimeMore,
		"size":          func(n int64) string { return formatBytes(&n) },
		"times":         times,
		"who":           who,
	}
}

func managedMore(n api.Node) string {
	text := count(int64(n.Active)) + " growing"
	if n.Elsewhere > 0 {
		text += ", " + count(int64(n.Elsewhere)) + " kept by the runtime"
	}
	return text
}

func diskMore(n api.Node) string {
	if known(n.Disk.KeptBytes) == 0 {
		return ""
	}
	return formatBytes(n.Disk.KeptBytes) + " of removed pods"
}

func rotationsMore(n api.Node) string {
	if n.Started.IsZero() {
		return ""
	}
	return "in " + span(n.Time.Sub(n.Started).Seconds())
}

func runtimeName(n api.Node) string {
	if n.Runtime.Name == "" {
		return plain(n.Runtime.Endpoint)
	}
	return plain(n.Runtime.Name + " " + n.Runtime.Version)
}

// runtimeMore is how the runtime is, or what is to be known of kubelet once the runtime answers.
func runtimeMore(n api.Node) string {
	switch {
	case n.Runtime.State != api.StateReady:
		return "does not answer"
	case n.Kubelet.Rotates:
		return "kubelet rotates logs too"
	case n.Mode == "proxy" && !n.Kubelet.Calls:
		return "no call of kubelet yet"
	}
	return "ready"
}

func times(n int) string {
	if n < 2 {
		return ""
	}
	return "× " + count(int64(n))
}

// who is what an event is about.
func who(e api.Event) string {
	name := ""
	for _, part := range []string{e.Namespace, e.Pod, e.Container} {
		if part != "" && name != "" {
			name += "/"
		}
		name += part
	}
	return plain(name)
}

// event is what a line of the events shows.
type event struct {
	api.Event
	When string
}

// row is what a row of the table shows.
type row struct {
	Log          api.Log
	Now          time.Time
	Badge        string
	Current      string
	CurrentShare float64 // per cent of the size at which the log is rotated
	DiskShare    float64 // per cent of what the log takes that takes most
	Files        string
}

func rowOf(l api.Log, page look) row {
	r := row{Log: l, Now: page.Now, Badge: badge(l), Current: formatBytes(l.CurrentBytes), Files: "–"}
	if l.Policy.MaxSize > 0 && l.CurrentBytes != nil {
		r.Current = fmt.Sprintf("%s of %s", r.Current, formatBytes(&l.Policy.MaxSize))
	}
	r.CurrentShare = share(l.CurrentBytes, l.Policy.MaxSize)
	r.DiskShare = share(l.DiskBytes, page.Largest)
	if l.Files != nil {
		r.Files = strconv.Itoa(*l.Files)
	}
	return r
}

// badge is what is to be seen of a log without its details.
func badge(l api.Log) string {
	switch {
	case l.LastError != "":
		return "error"
	case l.Elsewhere:
		return "kept by the runtime"
	case !l.Managed && l.NotManaged != "":
		return "not managed"
	}
	return ""
}
