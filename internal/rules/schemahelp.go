package rules

import "github.com/beckon-relay/beckon/internal/relay"

// What an editor shows beside the keys and words of rules.yaml.

func defaultsSchemas() map[string]*schema {
	builtIn := builtInDefaults()
	return map[string]*schema{
		"locale": withDefault(builtIn.Locale, described("The language for people whose own is not known, such as en, de or pt-BR.", textValue())),
		"time_zone": withDefault("UTC", described("The time zone of people whose own is not known, such as Europe/Berlin.",
			textValue())),
		"quiet_hours": withDefault("off", described("When nothing goes out that is not urgent, in the recipient's own time zone; it is held until `to`.",
			quietHoursValue())),
		"expires":      withDefault("24h", described("How long after receipt an alert may still go out.", durationValue(false))),
		"max_segments": withDefault(builtIn.MaxSegments, described("How many parts a text may be billed as before it is cut.", numberValue(maxSegments))),
		"limits":       withDefault("off", described("How many messages a recipient gets on a channel.", limitsValue())),
		"sender_limit": withDefault(map[string]any{"max": builtIn.SenderLimit.Max, "per": "1h"}, described(
			"How many messages on a channel one person's doings cause, to all recipients together.", orOff(mapOf(boundKeys(), boundsValues())))),
	}
}

func ruleSchemas(trigger *schema) map[string]*schema {
	return map[string]*schema{
		"name": described("Unique; letters, digits, - and _. A held alert is decided by the rule of its name, so renaming a rule cancels what waits.",
			nameValue()),
		"description": described("For people.", textValue()),
		"trigger":     described("What has to happen: one trigger or a list.", oneOrList(trigger)),
		"if":          described("A condition over `event`, in CEL. Without it the rule is for every event of the trigger.", conditionValue()),
		"to":          described("Who is told: a role, an address, or a list.", recipientsValue()),
		"wait":        withDefault("0s", described("How long to wait before it is decided.", durationValue(true))),
		"unless":      described("What cancels it meanwhile.", unlessValue(trigger)),
		"send":        described("What goes out: all of these.", sendsValue()),
		"urgent":      described("Goes out in quiet hours too.", boolValue(false)),
		"private": described("Tells that there is something, and nothing that somebody wrote or sent.",
			boolValue(false)),
		"include_actor": described("Tells also the person who did it.",
			boolValue(false)),
		"enabled":        described("Set it to false to keep the rule in the file only.", boolValue(true)),
		"collapse":       described("Tells one person once on a channel of one message or call, whichever rules want it.", boolValue(true)),
		"expires":        described("How long after receipt it may still go out; the defaults' unless the rule says otherwise.", durationValue(false)),
		"quiet_hours":    described("Quiet hours of this rule, in place of the defaults', or off.", quietHoursValue()),
		"digest":         described("Puts what happens within a while into one message.", digestValue()),
		"limits":         described("Limits of this rule, in place of the defaults', or off.", limitsValue()),
		"fallback":       described("What is tried, in this order, when nothing of `send` arrives.", sendsValue()),
		"fallback_after": described("How long without a receipt counts as not arrived. Receipts need a public URL.", durationValue(false)),
		"on_unknown":     withDefault(string(Resend), described("What becomes of a message whose answer was lost, where the provider cannot tell.", onUnknownValue())),
	}
}

// clauseHelp says what a shorthand of `unless` means.
func clauseHelp(name string) string {
	return map[string]string{
		"answered": "somebody took the call",
		"declined": "the person called declined, or was busy",
		"read":     "the recipient has read the message",
		"replied":  "the recipient has written in that conversation since",
		"deleted":  "the message was deleted, or the mention edited away",
		"online":   "the recipient came online since, or was when it happened",
	}[name]
}

// roleHelp says who a role is.
func roleHelp(role relay.Role) string {
	return map[relay.Role]string{
		relay.RoleSender:       "who did it",
		relay.RoleReceiver:     "the other party of a conversation between two",
		relay.RoleMentioned:    "whom the message mentions",
		relay.RoleCaller:       "who calls",
		relay.RoleCallee:       "who is called",
		relay.RoleParticipants: "everybody in the call",
		relay.RoleMembers:      "the people whom a group event is about",
		relay.RoleGroupMembers: "everybody in the group",
		relay.RoleGroupOwner:   "who owns the group",
		relay.RoleAuthor:       "who wrote the message that was read or reacted to",
		relay.RoleBlocked:      "who was blocked or unblocked",
	}[role]
}
