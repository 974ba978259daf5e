package rules

import (
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// closed are the fields that have one of a few values, "" where they are absent, by path. What CometChat may add to is not
// among them. about are the triggers that the variables may be of.
func closed(about map[string][]relay.Trigger) map[string][]string {
	out := map[string][]string{}
	for name, triggers := range about {
		for _, trigger := range triggers {
			out[name+".trigger"] = append(out[name+".trigger"], string(trigger))
		}
		out[name+".conversation.kind"] = []string{"", relay.KindUser, relay.KindGroup}
		out[name+".call.kind"] = []string{"", relay.CallKindCall, relay.CallKindMeeting}
		out[name+".call.type"] = []string{"", "audio", "video"}
	}
	return out
}

// documented are the values of a field that CometChat documents and may add to, none where it documents none. Apps have types of
// messages of their own too.
func documented(field access, triggers []relay.Trigger) []string {
	if len(field.names) == 1 && field.names[0] == "status" {
		return statuses(triggers)
	}
	if len(field.names) < 2 {
		return nil
	}
	switch owner := field.names[len(field.names)-2]; owner + "." + field.names[len(field.names)-1] {
	case "message.category":
		return []string{"message", "custom", "interactive", "action", "call"}
	case "message.type":
		return []string{
			"text", "image", "video", "audio", "file", "form", "card", "customInteractive", "groupMember", "message",
		}
	case "call.status":
		return []string{"initiated", "ongoing", "unanswered", "rejected", "busy", "cancelled", "ended"}
	case "group.type":
		return []string{"public", "private", "password"}
	case "sender.status", "receiver.status", "author.status", "caller.status", "callee.status", "mentions.status", "members.status",
		"users.status":
		return []string{"available", "online", "offline"}
	}
	return nil
}

// statuses are those of a person who comes or goes, or what a moderation decided.
func statuses(triggers []relay.Trigger) (out []string) {
	for _, trigger := range triggers {
		switch {
		case trigger == relay.UserConnectionStatus:
			out = append(out, "online", "offline")
		case strings.HasPrefix(string(trigger), "moderation_"):
			out = append(out, "approved", "disapproved")
		}
	}
	return out
}
