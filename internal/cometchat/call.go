package cometchat

import (
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// decodeRinging is for the triggers of a call's signalling: initiated, and what came of it before anyone talked.
func decodeRinging(d *draft) identity {
	c := d.data.at("call")
	if c.empty() {
		return identity{}
	}
	known := peopleIn(c)
	d.place(c, known)
	d.OccurredAt = c.time("sentAt", "updatedAt")
	// The call itself; live webhooks have it in all five triggers, documented ones only in call_initiated.
	on := c.at("data", "entities", "on", "entity")
	_, outcome, _ := strings.Cut(string(d.Trigger), "_")
	d.Call = &relay.Call{
		Kind:      relay.CallKindCall,
		SessionID: sessionOf(on, c, c.at("data"), d.data),
		ID:        c.id("id"),
		Type:      first(c.text("type"), on.text("type")),
		Status:    first(c.at("data").text("action"), on.text("status"), outcome),
	}
	caller, callee := d.ends(on)
	d.Call.Caller = known.user(caller)
	if d.Group == nil {
		d.Call.Callee = known.user(callee)
	}
	return by(d.Call.ID, stamp(c.time("sentAt")))
}

// ends gives the uids of caller and callee. The call's own entity keeps them; the webhook's sender and receiver follow
// who acted, which for rejected and busy is the callee.
func (d *draft) ends(on object) (caller, callee string) {
	if d.Sender != nil {
		caller = d.Sender.UID
	}
	if d.Receiver != nil {
		callee = d.Receiver.UID
	}
	if d.Trigger == relay.CallRejected || d.Trigger == relay.CallBusy {
		caller, callee = callee, caller
	}
	return first(on.uid("sender"), caller), first(on.uid("receiver"), callee)
}

// decodeStarted is for call_started and meeting_started.
func decodeStarted(d *draft) identity {
	d.session()
	d.Call.StartedAt = d.data.time("created_at")
	d.OccurredAt = d.Call.StartedAt
	return by(d.Call.SessionID, stamp(d.OccurredAt))
}

// decodeJoined is for a participant who joined.
func decodeJoined(d *draft) identity {
	return d.participate("joined_at")
}

// decodeLeft is for a participant who left.
func decodeLeft(d *draft) identity {
	return d.participate("left_at")
}

// participate fills in the participant; when is the field that says when it happened.
func (d *draft) participate(when string) identity {
	d.session()
	occupant := d.data.at("occupant")
	d.Call.Type = callType(occupant)
	d.OccurredAt = occupant.time(when)
	user := userOf(occupant)
	if user == nil {
		return identity{}
	}
	d.Participant = &relay.Participant{
		UID: user.UID, Name: user.Name, JoinedAt: occupant.time("joined_at"), LeftAt: occupant.time("left_at"),
	}
	if user.UID != "" {
		d.Sender = user
	}
	// The documented key is session and time, which two people who join in one second share.
	return by(d.Call.SessionID, stamp(d.OccurredAt), first(user.UID, user.Name))
}

// decodeEnded is for call_ended and meeting_ended, which list everybody who took part, at times by name alone.
func decodeEnded(d *draft) identity {
	d.session()
	occupants := d.data.get("all_occupants").list()
	for _, item := range occupants[:min(len(occupants), maxList)] {
		if user := userOf(item.object()); user != nil {
			d.Users = append(d.Users, *user)
			d.Call.Type = callType(item.object())
		}
	}
	d.span("created_at", "destroyed_at")
	return by(d.Call.SessionID, stamp(d.Call.EndedAt))
}

// decodeRecording is for recording_generated.
func decodeRecording(d *draft) identity {
	d.session()
	d.Recording = &relay.Recording{
		URL:       d.data.text("recording_url"),
		Duration:  d.data.duration("duration"),
		StartedAt: d.data.time("startTime"),
	}
	d.OccurredAt = d.Recording.StartedAt
	return by(d.Call.SessionID, stamp(d.Recording.StartedAt))
}

// decodeTranscription is for transcription_generated; one session may have several, each with a tid.
func decodeTranscription(d *draft) identity {
	d.session()
	d.span("startTime", "endTime")
	return by(d.Call.SessionID, d.data.id("tid"))
}

// span fills in from when to when.
func (d *draft) span(from, to string) {
	d.Call.StartedAt, d.Call.EndedAt = d.data.time(from), d.data.time(to)
	if !d.Call.StartedAt.IsZero() && d.Call.EndedAt.After(d.Call.StartedAt) {
		d.Call.Duration = d.Call.EndedAt.Sub(d.Call.StartedAt)
	}
	d.OccurredAt = d.Call.EndedAt
}

// session starts the call of a trigger that names it by its session alone.
func (d *draft) session() {
	d.Call = &relay.Call{Kind: kindOf(d.top.text("type"), d.Trigger), SessionID: sessionOf(d.data, d.data.at("call"))}
}

// kindOf tells calls from meetings by the envelope's type, else by the trigger; empty for a recording or transcript,
// which can be of either.
func kindOf(envelope string, trigger relay.Trigger) string {
	switch {
	case envelope == "call", envelope == "" && strings.HasPrefix(string(trigger), "call_"):
		return relay.CallKindCall
	case envelope == "meet", envelope == "" && strings.HasPrefix(string(trigger), "meeting_"):
		return relay.CallKindMeeting
	}
	return ""
}

// sessionOf finds the session id in the first of the places that has one, in either spelling.
func sessionOf(places ...object) string {
	for _, place := range places {
		if id := place.id("sessionid", "sessionId"); id != "" {
			return id
		}
	}
	return ""
}

// callType tells audio from video by an occupant's flag.
func callType(occupant object) string {
	audio, known := occupant.flag("audio_call")
	switch {
	case !known:
		return ""
	case audio:
		return "audio"
	}
	return "video"
}
