package loadtest_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

func lab(t *testing.T) *loadtest.Lab {
	t.Helper()
	l, err := loadtest.NewLab(t.TempDir())
	require.NoError(t, err)
	return l
}

// running reports whether there is a process of that number that has not ended.
func running(pid int) bool {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

func TestALabTakesItsProcessesAndItsFolderAlong(t *testing.T) {
	t.Parallel()
	l := lab(t)
	p, err := l.Start("/bin/sh", []string{"-c", "echo here; exec sleep 600"}, map[string]string{"A": "b"})
	require.NoError(t, err)
	require.True(t, running(p.PID()))
	require.Eventually(t, func() bool { return string(p.Log()) == "here\n" }, time.Minute, time.Millisecond)
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool { return !running(p.PID()) }, time.Minute, time.Millisecond)
	require.NoDirExists(t, l.Dir)
}

func TestAProcessIsStoppedAndItsNumberForgotten(t *testing.T) {
	t.Parallel()
	l := lab(t)
	defer func() { require.NoError(t, l.Close()) }()
	p, err := l.Start("/bin/sh", []string{"-c", "exec sleep 600"}, nil)
	require.NoError(t, err)
	require.NoError(t, p.Stop())
	require.False(t, running(p.PID()))
	left, err := os.ReadDir(filepath.Join(l.Dir, "running"))
	require.NoError(t, err)
	require.Empty(t, left, "the number may be another process's by then")
}

func TestAProcessThatEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	l := lab(t)
	defer func() { require.NoError(t, l.Close()) }()
	_, err := l.Serve(t.Context(), "/bin/sh", nil) // a shell that is to run a script "serve"
	require.ErrorContains(t, err, "it ended")
	require.ErrorContains(t, err, "serve", "what it said is in the error")
	_, err = l.Serve(t.Context(), filepath.Join(l.Dir, "none"), nil)
	require.ErrorContains(t, err, "start the relay")
}

func TestAProcessTellsItsTimeAndItsMemory(t *testing.T) {
	t.Parallel()
	l := lab(t)
	defer func() { require.NoError(t, l.Close()) }()
	p, err := l.Start("/bin/sh", []string{"-c", "while :; do :; done"}, nil)
	require.NoError(t, err)
	before, err := p.CPU()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := p.CPU()
		return err == nil && now-before >= 50*time.Millisecond
	}, time.Minute, time.Millisecond)
	memory, err := p.Memory()
	require.NoError(t, err)
	require.Greater(t, memory.Resident, int64(100_000))
	require.GreaterOrEqual(t, memory.Peak, memory.Resident)
	require.Positive(t, memory.Own)
	require.Less(t, memory.Own, memory.Resident, "the shell's own code is of a file")
	require.NoError(t, p.ForgetPeak())
	require.NoError(t, p.Kill())
	_, err = p.CPU()
	require.ErrorContains(t, err, "processor time")
	_, err = p.Memory()
	require.ErrorContains(t, err, "memory")
}

func TestTheDiskIsAsked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	took, err := loadtest.SyncTimes(t.Context(), dir, 5, time.Millisecond)
	require.NoError(t, err)
	require.EqualValues(t, 5, took.Count())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = loadtest.SyncTimes(t.Context(), filepath.Join(dir, "none"), 1, 0)
	require.ErrorContains(t, err, "measure the disk")
}

func TestTheMachineIsKnown(t *testing.T) {
	t.Parallel()
	m := loadtest.ThisMachine()
	require.Positive(t, m.Cores)
	require.NotEmpty(t, m.System)
	require.Positive(t, m.Memory)
}
