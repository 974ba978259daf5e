package view

import (
	"encoding/json"
	"time"
)

// The times below are written in seconds, as their names say; a time.Duration by itself would be in nanoseconds.

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// MarshalJSON implements json.Marshaler.
func (o Overview) MarshalJSON() ([]byte, error) {
	type plain Overview
	return json.Marshal(struct {
		plain
		Span int64 `json:"span_seconds"`
	}{plain(o), seconds(o.Span)})
}

// MarshalJSON implements json.Marshaler.
func (s Series) MarshalJSON() ([]byte, error) {
	type plain Series
	return json.Marshal(struct {
		plain
		Step int64 `json:"step_seconds"`
	}{plain(s), seconds(s.Step)})
}

// MarshalJSON implements json.Marshaler.
func (r Rules) MarshalJSON() ([]byte, error) {
	type plain Rules
	return json.Marshal(struct {
		plain
		Span int64 `json:"span_seconds"`
	}{plain(r), seconds(r.Span)})
}
