package docker

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// hostConfig is the part of a container's configuration with its log driver. The engine
// puts its own defaults (daemon.json) into it when the container is created.
type hostConfig struct {
	LogConfig struct {
		Type   string
		Config map[string]string
	}
}

// redirection is where a container's output goes, if its file with the driver json-file
// is path; empty: there is none yet.
func (h hostConfig) redirection(path string) logmgr.Redirection {
	to := logmgr.Redirection{Elsewhere: true, Driver: h.LogConfig.Type}
	if to.Driver != logmgr.JSONFile && to.Driver != "" {
		return to
	}
	to.Path = path
	to.MaxSize, to.MaxFiles = limits(h.LogConfig.Config)
	return to
}

// limits are the bytes at which the driver json-file rotates, and how many files it keeps
// then, the current one included: 0 and 0 where it never does. Options that it would not
// start with count as absent.
func limits(options map[string]string) (maxSize int64, maxFiles int) {
	maxSize, err := parseSize(options["max-size"])
	if err != nil || maxSize <= 0 {
		return 0, 0
	}
	maxFiles, err = strconv.Atoi(options["max-file"])
	if err != nil || maxFiles < 1 {
		maxFiles = 1 // its default
	}
	return maxSize, maxFiles
}

// parseSize reads a size as Docker's options have it: a number, and a unit that is a power
// of 1000 whether it is written k, kB or KiB (FromHumanSize of github.com/docker/go-units).
func parseSize(text string) (int64, error) {
	number := trimOne(trimOne(text, "bB"), "iI")
	factor := 1.0
	if at := strings.IndexAny(number, "kKmMgGtTpP"); at >= 0 && at == len(number)-1 {
		factor = math.Pow(1000, float64(1+strings.Index("kmgtp", strings.ToLower(number[at:]))))
		number = number[:at]
	}
	number = strings.TrimSuffix(number, " ")
	if number == "" || strings.Trim(number, "0123456789.") != "" { // ParseFloat would take 0x1p3 and inf
		return 0, fmt.Errorf("size %q: must be a number with a unit k, m or g", text)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("size %q: %w", text, err)
	}
	if n *= factor; n >= math.MaxInt64 {
		return math.MaxInt64, nil
	}
	return int64(n), nil
}

// trimOne cuts the last byte off if it is one of those.
func trimOne(text, of string) string {
	if text != "" && strings.ContainsRune(of, rune(text[len(text)-1])) {
		return text[:len(text)-1]
	}
	return text
}

// checkPath refuses what is no path of a file on this node.
func checkPath(path string) error {
	switch {
	case !filepath.IsAbs(path):
		return fmt.Errorf("%.200q is not an absolute path", path)
	case strings.ContainsRune(path, 0):
		return errors.New("the path has a zero byte")
	}
	return nil
}
