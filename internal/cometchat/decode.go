package cometchat

import (
	"bytes"
	"strings"
	"time"
	"unicode"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Codes of a DecodeError.
const (
	// CodeNotJSON: the body is not one JSON object, or is nested too deep or has too many values.
	CodeNotJSON = "not_json"
	// CodeNoTrigger: the object does not name a trigger.
	CodeNoTrigger = "no_trigger"
	// CodeNoData: the object has no data.
	CodeNoData = "no_data"
)

// DecodeError says why a body is not a webhook. Its Message says what would be right and echoes nothing of the body.
type DecodeError struct {
	// Code is one of the Code constants.
	Code    string
	Message string
}

// Error implements error.
func (e *DecodeError) Error() string { return "decode webhook: " + e.Message }

// maxTrigger is how long a trigger's name may be, in bytes: it becomes a column and a metric's label.
const maxTrigger = 100

// draft is an event in the making, with the webhook it is made from.
type draft struct {
	*relay.Event
	// top is the whole webhook, data what happened.
	top, data object
}

// Decode reads a webhook that arrived at receivedAt. A trigger that is not in the Catalogue gives an event with the
// envelope alone. The error is always a *DecodeError.
func Decode(body []byte, receivedAt time.Time) (relay.Event, error) {
	top, err := parse(body)
	if err != nil {
		return relay.Event{}, err
	}
	trigger, ok := top.get("trigger").string()
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if !ok || trigger == "" || len(trigger) > maxTrigger || strings.ContainsFunc(trigger, unprintable) {
		return relay.Event{}, &DecodeError{CodeNoTrigger, `"trigger" must be a text of 1 to 100 bytes without control characters, such as "message_sent"`}
	}
	data, ok := dataOf(top)
	if !ok {
		return relay.Event{}, &DecodeError{CodeNoData, `"data" must be an object, such as {"message": {...}}`}
	}
	event := relay.Event{
		Trigger:    relay.Trigger(trigger),
		AppID:      top.id("appId"),
		Region:     top.id("region"),
		Webhook:    top.id("webhook"),
		ReceivedAt: receivedAt,
		Raw:        bytes.Clone(body),
	}
	var who identity
	if known, ok := table[event.Trigger]; ok {
		who = known.decode(&draft{Event: &event, top: top, data: data})
	}
	who.seal(&event, top)
	return event, nil
}

// dataOf gives the webhook's data. An array passes as an empty object: that is how PHP, which CometChat runs on, writes
// an object without fields.
func dataOf(top object) (object, bool) {
	data := top.get("data")
	kind := data.kind()
	return data.object(), kind == '{' || kind == '['
}
