package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Limits of what the playground takes.
const (
	MaxTrialEvent = 1 << 20
	MaxTrialRules = 256 << 10
	MaxTrialFiles = 64
	MaxTrialText  = 1 << 20 // all changed template files together
	MaxTrialLater = 8
)

// Desk is what the playground begins with: what is in force, and what can be tried with it.
type Desk struct {
	// File is the name of the rules file and Rules its text. A viewer is not shown the addresses in it.
	File  string
	Rules string
	// Templates are the files of the templates, in the order of their names.
	Templates []TextFile
	// Samples are webhooks that are built in.
	Samples []Sample
	// People is a text as recipients.yaml, with the people of the samples.
	People string
	// Directory names the sources of the relay's own directory; empty where it has none.
	Directory []string
}

// TextFile is a file with its text.
type TextFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Sample is a built-in webhook.
type Sample struct{ Trigger, JSON string }

// Trial is what is tried in the playground. Nothing of it is sent or kept.
type Trial struct {
	// Event is the webhook as JSON. Kept is the ID of a kept event, which counts where Event is empty.
	Event, Kept string
	// At is when it is taken to arrive: zero is now, or for a kept event when it did.
	At time.Time
	// Rules is the text of rules.yaml. Templates are the files that differ from those in force; one without text is left out.
	Rules     string
	Templates []TextFile
	// People is a text as recipients.yaml. Others says that whoever is not in it can be reached too, under an invented address;
	// otherwise nobody knows them. With Directory neither counts, and the relay's own directory is asked.
	People            string
	Others, Directory bool
	// Later are samples that arrive afterwards.
	Later []LaterEvent
	// By is who tries, and Viewer that they may not see what is kept.
	By     string
	Viewer bool
}

// LaterEvent is a sample that arrives some time after the event.
type LaterEvent struct {
	After  time.Duration
	Sample string
}

// Tried is what came of a Trial.
type Tried struct {
	// Problem is why nothing could be tried, in words for whoever tries; empty where it could.
	Problem string
	// Findings are what is wrong with the rules, the templates and the people. With an error among them there is nothing else.
	Findings []Finding
	Event    Event
	Rules    []RuleAccount
	// Outcomes are what would become of each alert if nothing else happened, in the order of time.
	Outcomes []Outcome
	// Notes say what of this is invented, or could not be known.
	Notes []string
	Took  time.Duration
}

// Finding is one thing that is wrong with a file, with its place.
type Finding struct {
	File string `json:"file"`
	// Line and Column count from 1.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Warning bool   `json:"warning,omitempty"`
	Rule    string `json:"rule,omitempty"`
	Message string `json:"message"`
	// Hint says what would be right, where that can be guessed.
	Hint string `json:"hint,omitempty"`
	// Excerpt is the line and below it a caret under the column.
	Excerpt string `json:"excerpt,omitempty"`
}

// Place is where it is, as compilers write it.
func (f Finding) Place() string { return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column) }

// Outcome is an alert as it would end.
type Outcome struct {
	Rule string
	To   string
	// Trigger is that of the event it is for.
	Trigger relay.Trigger
	State   relay.AlertState
	Reason  relay.Reason
	// Meaning explains the Reason.
	Meaning string
	At      time.Time
	// After is how long after its event came.
	After    time.Duration
	Trace    []relay.Step
	Messages []Message
}

// Message is one that would go out, in clear: it is made of what whoever tries may see.
type Message struct {
	Channel relay.Channel
	// To is the address, masked where it is from the relay's own directory.
	To      string
	State   relay.DeliveryState
	Reason  relay.Reason
	Meaning string
	// Template is the one that it was made from.
	Template            string
	Locale              string
	Subject, Text, HTML string
	SMS                 SMSSize
}

// SMSSize is how a text travels; zero for a mail.
type SMSSize struct {
	Encoding string
	// Segments is how many parts it is billed as, and Characters how long it is as the provider counts.
	Segments, Characters int
}

// Short says it in words, such as "1 segment, GSM-7, 37 characters".
func (s SMSSize) Short() string {
	if s.Segments == 0 {
		return ""
	}
	parts := []string{counted(s.Segments, "segment"), s.Encoding}
	if s.Characters > 0 {
		parts = append(parts, counted(s.Characters, "character"))
	}
	return strings.Join(parts, ", ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
