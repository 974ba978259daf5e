package relay

// Reason is a short constant that says why an alert, a delivery or an event ended as it did.
type Reason string

// Reasons. This is the one list; Reasons() documents each.
const (
	ReasonNone Reason = ""

	// Cancelled.
	ReasonRead           Reason = "read"
	ReasonReplied        Reason = "replied"
	ReasonAnswered       Reason = "answered"
	ReasonDeclined       Reason = "declined"
	ReasonDeleted        Reason = "deleted"
	ReasonOnline         Reason = "online"
	ReasonUnless         Reason = "unless"
	ReasonExpired        Reason = "expired"
	ReasonRuleRemoved    Reason = "rule_removed"
	ReasonUnknownSession Reason = "unknown_session"
	ReasonNobody         Reason = "nobody"
	ReasonLookupFailed   Reason = "lookup_failed"
	ReasonTooMany        Reason = "too_many"
	ReasonByHand         Reason = "by_hand"

	// Held.
	ReasonWaiting       Reason = "waiting"
	ReasonQuietHours    Reason = "quiet_hours"
	ReasonDirectoryDown Reason = "directory_down"
	ReasonCometChatDown Reason = "cometchat_down"
	ReasonPaused        Reason = "paused"

	// Suppressed.
	ReasonUnknownPerson Reason = "unknown_person"
	ReasonMuted         Reason = "muted"
	ReasonNoPhone       Reason = "no_phone"
	ReasonNoEmail       Reason = "no_email"
	ReasonNotWanted     Reason = "not_wanted"
	ReasonOptedOut      Reason = "opted_out"
	ReasonCollapsed     Reason = "collapsed"
	ReasonLimit         Reason = "limit"
	ReasonBounced       Reason = "bounced"
	ReasonComplained    Reason = "complained"

	ReasonForgotten Reason = "forgotten"

	// Held back by a guard of the settings.
	ReasonDailySegments     Reason = "daily_segments"
	ReasonCountryNotAllowed Reason = "country_not_allowed"
	ReasonNotAllowedHere    Reason = "not_allowed_here"

	// Dead, or on the way there.
	ReasonRenderFailed    Reason = "render_failed"
	ReasonInvalidNumber   Reason = "invalid_number"
	ReasonInvalidAddress  Reason = "invalid_address"
	ReasonUnreachable     Reason = "unreachable"
	ReasonRejected        Reason = "rejected"
	ReasonMisconfigured   Reason = "misconfigured"
	ReasonRegionBlocked   Reason = "region_blocked"
	ReasonThrottled       Reason = "throttled"
	ReasonProviderTrouble Reason = "provider_trouble"
	ReasonNoAnswer        Reason = "no_answer"
	ReasonGaveUp          Reason = "gave_up"
	ReasonNoChannel       Reason = "no_channel"

	// Noise: events that no rule is applied to.
	ReasonActionMessage Reason = "action_message"
	ReasonToSelf        Reason = "to_self"
	ReasonFromSystem    Reason = "from_system"
)

// ReasonDoc explains a Reason to an operator.
type ReasonDoc struct {
	Reason Reason
	// Of says what carries it: an alert or delivery in a state, or an event.
	Of      string
	Meaning string
}

// Reasons lists every Reason with its meaning, in the order of the documentation.
func Reasons() []ReasonDoc {
	return []ReasonDoc{
		{ReasonRead, "cancelled alert, suppressed delivery that was retried", "the recipient read the message, or a later one in that conversation"},
		{ReasonReplied, "cancelled alert, suppressed delivery that was retried", "the recipient wrote in that conversation afterwards"},
		{ReasonAnswered, "cancelled alert, suppressed delivery that was retried", "the call was taken"},
		{ReasonDeclined, "cancelled alert, suppressed delivery that was retried", "the call was rejected, or the callee was busy"},
		{ReasonDeleted, "cancelled alert, suppressed delivery that was retried", "the message was deleted, or the mention edited away"},
		{ReasonOnline, "cancelled alert, suppressed delivery that was retried", "the recipient came online, or was and had not left"},
		{ReasonUnless, "cancelled alert, suppressed delivery that was retried", "an `unless` of the rule that names a trigger and a condition came true"},
		{ReasonExpired, "cancelled alert, dead delivery", "it would have gone out later than `expires` allows"},
		{ReasonRuleRemoved, "cancelled alert, suppressed delivery that was retried", "the rule was removed, renamed or disabled while the alert waited"},
		{ReasonUnknownSession, "cancelled alert", "no kept event of that call session says who took part"},
		{ReasonNobody, "cancelled alert", "nobody is left to tell: whoever is in that role did it, or was in the call"},
		{ReasonLookupFailed, "cancelled alert", "only CometChat's API knows who is to be told, and it did not say until the alert expired, " +
			"or knows no such group or message, or COMETCHAT_API_KEY is not set"},
		{ReasonTooMany, "cancelled alert", "the group has more members than BECKON_GROUP_CAP"},
		{ReasonByHand, "cancelled alert, dead delivery", "an operator cancelled it"},
		{ReasonWaiting, "held alert", "the rule's `wait` is not over"},
		{ReasonQuietHours, "held alert", "it is night, or another quiet hour, where the recipient is"},
		{ReasonDirectoryDown, "held alert", "the source of contacts did not answer; it is asked again"},
		{ReasonCometChatDown, "held alert", "CometChat's API did not answer; it is asked again"},
		{ReasonPaused, "held alert, queued delivery", "an operator paused everything, the channel or the rule"},
		{ReasonUnknownPerson, "suppressed alert, suppressed delivery that was retried", "no directory knows that uid"},
		{ReasonMuted, "suppressed alert, suppressed delivery that was retried", "the recipient muted everything, that conversation or that rule"},
		{ReasonNoPhone, "suppressed delivery", "the recipient has no phone number"},
		{ReasonNoEmail, "suppressed delivery", "the recipient has no email address"},
		{ReasonNotWanted, "suppressed delivery", "the recipient does not want that channel"},
		{ReasonOptedOut, "suppressed, dead or undelivered delivery", "somebody at that address said STOP or unsubscribed, or an operator noted it for them"},
		{ReasonCollapsed, "suppressed delivery", "the recipient was already told of this on that channel; or, of one that was retried by hand, by the fallback"},
		{ReasonLimit, "suppressed delivery, held alert", "the recipient or the sender is over a limit; a digest waits until it is not"},
		{ReasonBounced, "suppressed or undelivered delivery", "mail to the address came back for good"},
		{ReasonComplained, "suppressed or undelivered delivery", "somebody at that address reported a mail as spam"},
		{ReasonForgotten, "suppressed delivery", "the message told of somebody who was forgotten meanwhile, among other things"},
		{ReasonDailySegments, "suppressed delivery", "the texts of this day (UTC) reached BECKON_SMS_DAILY_SEGMENTS"},
		{ReasonCountryNotAllowed, "suppressed delivery", "the number's country is not in BECKON_SMS_COUNTRIES"},
		{ReasonNotAllowedHere, "sent delivery", "BECKON_ONLY_TO does not name the address, so the message went to the outbox and to nobody"},
		{ReasonRenderFailed, "dead delivery", "the template could not be rendered for this event"},
		{ReasonInvalidNumber, "dead, undelivered or suppressed delivery", "the provider says the number is not one that can be texted"},
		{ReasonInvalidAddress, "dead, undelivered or suppressed delivery", "the provider refuses the address"},
		{ReasonUnreachable, "dead, undelivered or suppressed delivery", "the provider cannot reach that number by SMS"},
		{ReasonRejected, "dead or undelivered delivery", "the provider or the carrier refuses the message; look at its template"},
		{ReasonMisconfigured, "queued, dead or undelivered delivery", "the provider refuses our credentials, sender or service"},
		{ReasonRegionBlocked, "dead or undelivered delivery", "the account may not send to that country"},
		{ReasonThrottled, "queued or undelivered delivery", "the provider asked to slow down, or the carrier took no more"},
		{ReasonProviderTrouble, "queued, dead or undelivered delivery", "the provider could not be reached, or failed"},
		{ReasonNoAnswer, "unknown or dead delivery", "the request went out and no answer came back, so it may have arrived"},
		{ReasonGaveUp, "dead delivery", "all attempts were used up"},
		{ReasonNoChannel, "dead delivery", "no provider is configured for the channel"},
		{ReasonActionMessage, "event", "CometChat's own note that something was edited, deleted or changed, not a message"},
		{ReasonToSelf, "event", "sender and receiver are the same person"},
		{ReasonFromSystem, "event", "sent by CometChat's app_system, not by a person"},
	}
}
