package testbed

import "path/filepath"

// varLog is a folder that a runtime sees as /var/log, with the kubelet and the shim
// before it, so that all of them can leave their folders below it where they are by
// default. Kubelets before 1.30 know no other. It is empty if the machine's is used.
type varLog string

// inside is the name that a file of ours has for them.
func (v varLog) inside(path string) string { return moved(path, string(v), realVarLog) }

// outside is the name that a file of theirs has for us.
func (v varLog) outside(path string) string { return moved(path, realVarLog, string(v)) }

const realVarLog = "/var/log"

// moved replaces the folder that a path is below; another path stays as it is.
func moved(path, from, to string) string {
	if rest, err := filepath.Rel(from, path); from != "" && to != "" && err == nil && filepath.IsLocal(rest) {
		return filepath.Join(to, rest)
	}
	return path
}

// cellFlags make a cell show it to its program.
func (v varLog) cellFlags() []string {
	if v == "" {
		return nil
	}
	return []string{"-bind", realVarLog + "=" + string(v)}
}

// wrapper makes a command see it, as the prefix of its command line: the process stays the
// same one.
func (v varLog) wrapper() []string {
	if v == "" {
		return nil
	}
	const becomeIt = `mount --bind "$1" "$2" && shift 2 && exec "$@"`
	return []string{"unshare", "--mount", "--propagation", "slave", "sh", "-c", becomeIt, "sh", string(v), realVarLog}
}
