package disk

import (
	"strings"
	"testing"
)

// Whatever a link says, what is taken for Docker's log is a file of one container below a
// directory of containers, and nothing else.
func FuzzDockerLog(f *testing.F) {
	f.Add("/var/lib/docker/containers/0a/0a-json.log")
	f.Add("/var/lib/docker/containers/../../etc/0a/0a-json.log")
	f.Add("/containers//0a/./0a-json.log")
	f.Fuzz(func(t *testing.T, target string) {
		log, ok := parseDockerLog(target)
		if !ok {
			return
		}
		if strings.ContainsAny(log.id, "/.") || !strings.HasSuffix(log.containers, "/containers") || strings.Contains(log.containers+"/", "/../") {
			t.Errorf("%q leads to %+v", target, log)
		}
		again, ok := parseDockerLog(log.path(log.id + "-json.log"))
		if !ok || again != log {
			t.Errorf("%q leads to %+v, and that to %+v", target, log, again)
		}
	})
}
