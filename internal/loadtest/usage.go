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

// Memory is what a process has in memory, in bytes.
type Memory struct {
	// Resident is all that it has now. Own is the part that is not pages of files, such as of the executable, which the system can drop
	// when it is short of memory, and read again.
	Resident, Own int64
	// Peak is the most that was resident since the start or since ForgetPeak.
	Peak int64
}

// Memory is what the process has in memory.
func (p *Process) Memory() (m Memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return m, fmt.Errorf("read the memory: %w", err)
	}
	named := map[string]*int64{"VmRSS": &m.Resident, "RssAnon": &m.Own, "VmHWM": &m.Peak}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if named[name] == nil || len(fields) == 0 {
			continue
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return m, fmt.Errorf("read the memory: %w", err)
		}
		*named[name] = kib << 10
	}
	if m.Resident == 0 {
		return m, fmt.Errorf("read the memory: the system does not say it of process %d", p.PID())
	}
	return m, nil
}

// ForgetPeak lets the peak begin anew.
func (p *Process) ForgetPeak() error {
	const resetPeak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte(resetPeak), 0)
}
