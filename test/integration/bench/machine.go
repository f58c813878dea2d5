package main

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is where a run took place, without which its absolute figures mean nothing.
type machine struct {
	Cores     int    `json:"cores"`
	Processor string `json:"processor"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	Platform  string `json:"platform"`
}

func thisMachine() (machine, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return machine{}, err
	}
	return machine{
		Cores:     runtime.NumCPU(),
		Processor: processor(),
		Kernel:    unix.ByteSliceToString(name.Release[:]),
		Go:        runtime.Version(),
		Platform:  runtime.GOOS + "/" + runtime.GOARCH,
	}, nil
}

// processor is the processor's name where the kernel tells it, as it does on x86.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
