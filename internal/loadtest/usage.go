package loadtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc: a hundredth of a second on all machines that Go runs on.
const tick = 10 * time.Millisecond

// CPU is how much processor time a process has used so far, of all its threads.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	// The name stands in brackets and may have anything in it; user and system time are the 12th and 13th field after it.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, fmt.Errorf("read the processor time: %q", text)
	}
	u, err := strconv.ParseInt(fields[user], 10, 64)
	s, err2 := strconv.ParseInt(fields[system], 10, 64)
	if err != nil || err2 != nil {
		return 0, fmt.Errorf("read the processor time: %q", text)
	}
	return time.Duration(u+s) * tick, nil
}

// Memory is what a process has in memory now, and the most it had, in bytes. The most is since its start or since ForgetPeak.
func (p *Process) Memory() (resident, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if (name != "VmRSS" && name != "VmHWM") || len(fields) == 0 {
			continue
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read the memory: %w", err)
		}
		if name == "VmRSS" {
			resident = kib << 10
		} else {
			peak = kib << 10
		}
	}
	if resident == 0 {
		return 0, 0, fmt.Errorf("read the memory: the system does not say it of process %d", p.PID())
	}
	return resident, peak, nil
}

// ForgetPeak lets the peak begin anew.
func (p *Process) ForgetPeak() error {
	const resetPeak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte(resetPeak), 0)
}
