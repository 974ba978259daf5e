package twilio

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
)

// judge reads the table below. Twilio's own rule is that the HTTP status says whether a retry makes sense; a code can
// say that a number, a message or the account is at fault, and only where the status is no reason to retry.
func judge(a answer) relay.Outcome {
	v := verdict(a)
	outcome := relay.Outcome{Kind: v.Kind, Blame: v.Blame, Reason: v.Reason, Status: a.status}
	if a.code != 0 {
		outcome.Code = strconv.Itoa(a.code)
	}
	if v.Kind == relay.Accepted {
		outcome.ProviderID = a.sid
		return outcome
	}
	outcome.Detail = detail(a, v.Words)
	return outcome
}

// detail is our own words where the code is known, otherwise also what Twilio wrote.
func detail(a answer, words string) string {
	if a.code == 0 {
		return fmt.Sprintf("twilio answered %d: %s", a.status, words)
	}
	text := fmt.Sprintf("twilio answered %d, code %d: %s", a.status, a.code, words)
	if _, known := codes[a.code]; !known && a.message != "" {
		text += ": " + a.message
	}
	return text
}

func verdict(a answer) channel.Verdict {
	switch s := a.status; {
	case s == http.StatusCreated, s == http.StatusAccepted:
		// Taken, even where the body, and the SID in it, could not be read.
		return channel.Accepted()
	case s >= 200 && s < 300 && a.sid != "":
		return channel.Accepted()
	case s >= 200 && s < 300:
		return channel.Lost("not an answer of Twilio's: is there a proxy in between?")
	case s == http.StatusTooManyRequests:
		return channel.Throttled("too many requests at once")
	case s == http.StatusRequestTimeout, s >= 500:
		return channel.Trouble("trouble at Twilio")
	}
	if v, ok := codes[a.code]; ok {
		return v
	}
	return byStatus(a.status)
}

// byStatus judges an error that has no code, or one that we do not know.
func byStatus(status int) channel.Verdict {
	switch {
	case status < 400:
		return channel.Misconfigured("redirected: check BECKON_TWILIO_BASE_URL")
	case status == http.StatusUnauthorized:
		return channel.Misconfigured("the credentials are refused")
	case status == http.StatusForbidden:
		return channel.Misconfigured("the account or its key may not do that")
	case status == http.StatusNotFound:
		return channel.Misconfigured("no such account: check TWILIO_ACCOUNT_SID and BECKON_TWILIO_BASE_URL")
	case status == http.StatusProxyAuthRequired:
		return channel.Misconfigured("the proxy in between refuses us")
	default:
		return channel.Refused("the request is refused")
	}
}

// codes is what Twilio's error codes mean, in the order of the classes. The list is Twilio's error reference; codes
// from 30000 on come in status callbacks, and mean the same wherever they stand.
var codes = map[int]channel.Verdict{
	// The recipient: never again.
	21211: channel.BadRecipient(relay.ReasonInvalidNumber, "not a valid number"),
	21268: channel.BadRecipient(relay.ReasonInvalidNumber, "an information service's number"),
	21614: channel.BadRecipient(relay.ReasonInvalidNumber, "not a mobile number"),
	21635: channel.BadRecipient(relay.ReasonInvalidNumber, "a landline"),
	21610: channel.BadRecipient(relay.ReasonOptedOut, "the recipient answered STOP"),
	21612: channel.BadRecipient(relay.ReasonUnreachable, "this sender cannot reach that number by SMS"),
	30005: channel.BadRecipient(relay.ReasonInvalidNumber, "unknown or inactive handset"),
	30006: channel.BadRecipient(relay.ReasonUnreachable, "a landline, or a carrier that cannot be reached"),
	30011: channel.BadRecipient(relay.ReasonUnreachable, "no MMS on that network"),
	63003: channel.BadRecipient(relay.ReasonInvalidNumber, "no such address on that channel"),
	63024: channel.BadRecipient(relay.ReasonInvalidNumber, "not a valid recipient on that channel"),
	63032: channel.BadRecipient(relay.ReasonUnreachable, "the channel does not write to this person"),
	63033: channel.BadRecipient(relay.ReasonUnreachable, "the channel does not write to this person"),

	// The message, or what we say with it.
	20001: channel.Refused("a parameter is missing or wrong"),
	20422: channel.Refused("a parameter is wrong"),
	21602: channel.Refused("no text"),
	21609: channel.Refused("the status callback is no valid address: check BECKON_PUBLIC_URL"),
	21617: channel.Refused("the text has more than 1600 characters"),
	21619: channel.Refused("no text and no picture"),
	21620: channel.Refused("a media address is not valid"),
	21623: channel.Refused("too much media"),
	21624: channel.Refused("the validity period is not between 1 and 36000 seconds"),
	21654: channel.Refused("no such content template"),
	21655: channel.Refused("the content template is not valid"),
	21656: channel.Refused("the content variables are not valid"),
	30004: channel.Refused("blocked by the carrier or the recipient"),
	30007: channel.Refused("filtered by the carrier"),
	30019: channel.Refused("too large for the carrier"),
	30045: channel.Refused("the validity period is not valid"),
	35114: channel.Refused("scheduling: a parameter is wrong"),
	35115: channel.Refused("scheduling: a parameter is wrong"),
	35116: channel.Refused("scheduling: a parameter is wrong"),
	35117: channel.Refused("scheduling: a parameter is wrong"),
	35118: channel.Refused("scheduling: a messaging service is needed"),
	63013: channel.Refused("against the channel's policy"),
	63016: channel.Refused("outside of the 24 hours in which free text is allowed"),
	63027: channel.Refused("no such template on that channel"),
	63028: channel.Refused("the template's parameters do not fit"),
	90007: channel.Refused("the validity period is not valid"),

	// The configuration or the account: nothing gets through.
	20003: channel.Misconfigured("the credentials are refused: check TWILIO_ACCOUNT_SID and the token or key"),
	20005: channel.Misconfigured("the account is not active"),
	20404: channel.Misconfigured("no such account: check TWILIO_ACCOUNT_SID and BECKON_TWILIO_BASE_URL"),
	21212: channel.Misconfigured("TWILIO_FROM is not a valid sender"),
	21606: channel.Misconfigured("TWILIO_FROM is not a number of this account that can send SMS"),
	21659: channel.Misconfigured("TWILIO_FROM is not a number or short code of this account"),
	21660: channel.Misconfigured("TWILIO_FROM belongs to another account"),
	21701: channel.Misconfigured("no such messaging service: check TWILIO_MESSAGING_SERVICE_SID"),
	21703: channel.Misconfigured("the messaging service has no sender"),
	21704: channel.Misconfigured("the messaging service has no sender that fits"),
	21705: channel.Misconfigured("the messaging service is not valid: check TWILIO_MESSAGING_SERVICE_SID"),
	30002: channel.Misconfigured("the account is suspended"),
	30010: channel.Misconfigured("dearer than the account allows"),
	30032: channel.Misconfigured("the toll-free sender is not verified"),
	30033: channel.Misconfigured("the sender's campaign is suspended"),
	30034: channel.Misconfigured("the sender is not registered for A2P 10DLC"),

	// The account may not write to this number. Others get through, so the message is not kept for later.
	21408: {
		Kind: relay.Permanent, Blame: relay.BlameConfig, Reason: relay.ReasonRegionBlocked,
		Words: "the account may not send to that country: allow it in Twilio's geo permissions",
	},
	21608: {
		Kind: relay.Permanent, Blame: relay.BlameConfig, Reason: relay.ReasonMisconfigured,
		Words: "a trial account sends to verified numbers only",
	},

	// Too much at once, whatever the status.
	14107: channel.Throttled("too many messages"),
	20429: channel.Throttled("too many requests"),
	21611: channel.Throttled("the sender's queue is full"),
	30001: channel.Throttled("Twilio's queue was full"),
	30022: channel.Throttled("the carrier's rate is exceeded"),
	30023: channel.Throttled("the carrier's daily limit is reached"),
	30027: channel.Throttled("the carrier's daily limit is reached"),
	30450: channel.Throttled("held back by the protection against SMS pumping"),
	63017: channel.Throttled("the channel's rate is exceeded"),
	63018: channel.Throttled("the channel's rate is exceeded"),

	// A bad moment somewhere behind Twilio.
	20500: channel.Trouble("trouble at Twilio"),
	20503: channel.Trouble("trouble at Twilio"),
	30003: channel.Trouble("the handset cannot be reached now"),
	30008: channel.Trouble("the carrier gives no reason"),
	30017: channel.Trouble("the carrier is congested"),
	30020: channel.Trouble("trouble at the carrier"),
	30021: channel.Trouble("trouble at the carrier"),
	30036: channel.Trouble("it expired in Twilio's queue"),
	30410: channel.Trouble("the carrier timed out"),
	63009: channel.Trouble("trouble at the channel"),
	63010: channel.Trouble("trouble at the channel"),
	63012: channel.Trouble("trouble at the channel"),
}
