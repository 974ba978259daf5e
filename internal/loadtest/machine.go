package loadtest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where it is measured, as far as the system says it.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	System string `json:"system"`
}

// ThisMachine is where we are. What is not known is empty.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += " " + strings.TrimSpace(string(kernel))
	}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kib, err := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		m.Memory = kib << 10
	}
	return m
}

// field is the value of the first line "name: value" of a file; empty where there is none.
func field(file, name string) string {
	text, err := os.ReadFile(file) //nolint:gosec // of the system
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if found, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(found) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Average is how many threads ran or wanted to, on average over the last minute, five and fifteen.
type Average [3]float64

// LoadAverage is that of now. It is an error where the system does not say it.
func LoadAverage() (Average, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return Average{}, fmt.Errorf("read the load average: %w", err)
	}
	return parseAverage(string(text))
}

func parseAverage(text string) (a Average, err error) {
	fields := strings.Fields(text)
	if len(fields) < len(a) {
		return a, fmt.Errorf("read the load average: %q", text)
	}
	for i := range a {
		if a[i], err = strconv.ParseFloat(fields[i], 64); err != nil {
			return a, fmt.Errorf("read the load average: %w", err)
		}
	}
	return a, nil
}

// quiet is the share of the cores that may have been busy on a machine on which it can be measured.
const quiet = 0.25

// Busy reports whether the last minute had so much other work that numbers mean little.
func (a Average) Busy(cores int) bool { return a[0] > quiet*float64(cores) }

// String reads "0.12, 0.08, 0.05".
func (a Average) String() string { return fmt.Sprintf("%.2f, %.2f, %.2f", a[0], a[1], a[2]) }
