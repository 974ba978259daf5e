package view

import (
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Overview is how the relay does.
type Overview struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	Config  Config    `json:"config"`
	Pauses  []Pause   `json:"pauses"`
	// Held and Due are how many alerts wait now.
	Held int `json:"alerts_held"`
	Due  int `json:"alerts_due"`
	// Channels are in the order of relay.Channels.
	Channels []ChannelView `json:"channels"`
	// Span is what Accepted, Series and the Totals of channels look back on.
	Span     time.Duration `json:"span_seconds"`
	Accepted int           `json:"events_accepted"`
	Series   []Series      `json:"series"`
	Triggers []TriggerSeen `json:"triggers"`
}

// Config is what is in force.
type Config struct {
	Hash     string    `json:"hash"`
	LoadedAt time.Time `json:"loaded_at"`
	// Refused is why the last reload changed nothing; empty where it did.
	Refused string `json:"refused,omitempty"`
}

// Pause is an operator's stop switch that stands.
type Pause struct {
	Channel relay.Channel `json:"channel"`
	Rule    string        `json:"rule"`
	By      string        `json:"by,omitempty"`
	At      time.Time     `json:"at,omitzero"`
}

// ChannelView is how a channel does.
type ChannelView struct {
	Channel  relay.Channel `json:"channel"`
	Provider string        `json:"provider"`
	// Stopped is why this replica sends nothing on it; empty where it does.
	Stopped relay.Reason `json:"stopped,omitempty"`
	// Waiting counts by state what is not done, and what is dead.
	Waiting map[string]int `json:"waiting"`
	// Oldest is when the delivery was created that waits longest; zero where none waits.
	Oldest time.Time `json:"oldest,omitzero"`
	// Totals counts ends by relay.DeliveryState, within the Span.
	Totals map[string]int `json:"totals"`
}

// Series is a number over time: one value for each Step from From on.
type Series struct {
	Name   string        `json:"name"`
	From   time.Time     `json:"from"`
	Step   time.Duration `json:"step_seconds"`
	Values []int         `json:"values"`
}

// TriggerSeen is when a trigger was seen last; zero where it never was, or longer ago than events are kept.
type TriggerSeen struct {
	Trigger relay.Trigger `json:"trigger"`
	LastAt  time.Time     `json:"last_at,omitzero"`
	// Wanted names the rules that are for it.
	Wanted []string `json:"wanted,omitempty"`
	// Known says whether CometChat documents it.
	Known bool `json:"known"`
}

// Rules are the rules in force.
type Rules struct {
	Config

	File string `json:"file"`
	Text string `json:"text"`
	// Rules are in the order of the file.
	Rules     []Rule        `json:"rules"`
	Templates []string      `json:"templates"`
	Span      time.Duration `json:"span_seconds"`
	// Files are those of the templates.
	Files []TextFile `json:"files,omitempty"`
	// RefusedFor are the findings for which the last reload was refused, where it was for some.
	RefusedFor []Finding `json:"refused_for,omitempty"`
}

// Rule is one rule in force with what it did within the Span.
type Rule struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Enabled     bool            `json:"enabled"`
	Line        int             `json:"line"`
	Triggers    []relay.Trigger `json:"triggers"`
	Matches     int             `json:"matches"`
	// Errors counts conditions that failed and templates that could not be rendered.
	Errors int `json:"errors"`
	// LastMatch is zero where it matched nothing within the Span.
	LastMatch time.Time `json:"last_match,omitzero"`
	Paused    bool      `json:"paused"`
}
