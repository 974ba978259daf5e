// Package scenario reads and runs tests of rules: events that arrive at given times, and the messages that must come of
// them. `beckon test` prints what it reports.
//
// A file of tests is strict, so that a misspelt expectation cannot pass: unknown keys are findings with their place, and all
// findings come at once. The tests run the engine under the simulator's clock, in parallel, and decide nothing themselves.
package scenario

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Limits of a file of tests.
const (
	maxFile   = 8 << 20
	maxRules  = 1 << 20
	maxTests  = 10_000
	maxEvents = 10_000 // of one test, repeats counted
	maxEvent  = 1 << 20
	maxSpan   = 366 * 24 * time.Hour
	maxDepth  = 32
	// maxTogether bounds the memory that the events of all tests take, in bytes.
	maxTogether = 256 << 20
)

// Suite is a checked file of tests. It does not change.
type Suite struct {
	// Path is the file's.
	Path  string
	Tests []*Test

	generation *engine.Generation
}

// Test is one scenario: what arrives when, and what must come of it.
type Test struct {
	Name string
	// Line is where its name stands.
	Line  int
	Start time.Time

	stages []stage
	people map[string]relay.Contact
	// chat is nil where CometChat's API cannot be asked.
	chat *chat
	// down is until when the directory does not answer for a person; "" is everybody.
	down       map[string]time.Time
	suppressed map[relay.Address]relay.Reason
	fates      []fate
	receipts   bool
	events     []relay.Event
	// lines are where the events stand.
	lines []int
	wants []list
	// warnings are what is probably not meant.
	warnings []rules.Finding
	// foreign tests have rules of their own, so they say nothing about the coverage of the file's.
	foreign bool
}

// stage is a generation with the moment from which it is in force.
type stage struct {
	from       time.Time
	generation *engine.Generation
}

// list is one list of expectations. What is not written is not checked, but for the messages sent.
type list struct {
	key   string
	line  int
	wants []want
}

// Load reads and checks a file of tests, with the rules and templates that it names. templates is the folder for a file that
// names none. The Suite is nil when a finding is an error; the error is for a file that cannot be read at all.
func Load(path, templates string) (*Suite, []rules.Finding, error) {
	src, err := read(path, maxFile)
	if err != nil {
		return nil, nil, fmt.Errorf("read tests: %w", err)
	}
	suite, findings := parse(path, src, templates)
	return suite, findings, nil
}

// read reads a regular file of at most that many bytes.
func read(path string, most int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a file")}
	case info.Size() > most:
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d bytes", most)}
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// Setup is the simulation of the test. Each call gives a new one, which may be run once.
func (t *Test) Setup() sim.Setup {
	setup := sim.Setup{
		Generation: t.generationAt, Contact: t.contact, Suppressed: t.suppressed, Events: t.events, Receipts: t.receipts, Chat: t.ask,
	}
	if len(t.fates) > 0 || t.receipts {
		setup.Carry = carrier(t.fates)
	}
	return setup
}

func (t *Test) generationAt(now time.Time) *engine.Generation {
	current := t.stages[0].generation
	for _, s := range t.stages[1:] {
		if !now.Before(s.from) {
			current = s.generation
		}
	}
	return current
}

func (t *Test) contact(uid string, now time.Time) (relay.Contact, engine.Found) {
	if now.Before(t.down[""]) || now.Before(t.down[uid]) {
		return relay.Contact{}, engine.FoundDown
	}
	contact, ok := t.people[uid]
	if !ok {
		return relay.Contact{}, engine.FoundNobody
	}
	return contact, engine.FoundContact
}
