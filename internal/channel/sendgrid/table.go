package sendgrid

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

// answer is what SendGrid said, as far as it could be read.
type answer struct {
	status int
	// id is the X-Message-Id; later reports begin their own id with it.
	id string
	// errors are what the body names, if it is SendGrid's JSON.
	errors []problem
	// empty says that there was no body at all.
	empty bool
}

// problem is one error of an answer. There are no codes: the field and the wording are all there is.
type problem struct {
	field, message string
}

// decodeErrors reads SendGrid's error object. Of anything else, such as a gateway's page, nothing is kept: it says less than
// the status.
func decodeErrors(body []byte) []problem {
	var e struct {
		Errors []struct {
			Message string  `json:"message"`
			Field   *string `json:"field"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &e) != nil {
		return nil
	}
	out := make([]problem, len(e.Errors))
	for i, p := range e.Errors {
		out[i].message = p.Message
		if p.Field != nil {
			out[i].field = *p.Field
		}
	}
	return out
}

func judge(a answer) relay.Outcome {
	v := verdict(a)
	outcome := relay.Outcome{Kind: v.Kind, Blame: v.Blame, Reason: v.Reason, Status: a.status}
	if v.Kind == relay.Accepted {
		outcome.ProviderID = a.id
		return outcome
	}
	outcome.Detail = fmt.Sprintf("sendgrid answered %d: %s", a.status, v.Words)
	// An answer that is about the recipient may well repeat who that is, and says no more than our own words.
	if len(a.errors) > 0 && v.Blame != relay.BlameRecipient {
		outcome.Detail += ": " + outbound.Scrub(a.errors[0].message)
	}
	return outcome
}

// rule is one row of the table: which answers it is for, and what they mean.
type rule struct {
	status int
	// field and message must both match one error of the answer; nil matches any answer.
	field, message *regexp.Regexp
	verdict        channel.Verdict
}

// table is read from top to bottom; the first row that matches counts. The statuses are those of SendGrid's API
// reference. 401 and 403 mean two things each, told apart by their wording alone.
var table = []rule{
	{status: 202, verdict: channel.Accepted()},

	{
		status: 400, field: regexp.MustCompile(`^personalizations\.[^.]*\.to(\.|$)`),
		verdict: channel.BadRecipient(relay.ReasonInvalidAddress, "the recipient's address is refused"),
	},
	{
		status: 400, field: regexp.MustCompile(`^from(\.|$)`),
		verdict: channel.Misconfigured("the sender is refused: check SENDGRID_FROM"),
	},
	{status: 400, verdict: channel.Refused("the request is refused")},
	{
		status: 401, message: regexp.MustCompile(`(?i)maximum credits exceeded`),
		verdict: channel.Throttled("the account's credits are used up until they are reset"),
	},
	{status: 401, verdict: channel.Misconfigured("the key is refused: check SENDGRID_API_KEY")},
	{
		status: 403, message: regexp.MustCompile(`(?i)temporarily blocked|repeated bad requests`),
		verdict: channel.Throttled("the account is blocked for a while after too many bad requests"),
	},
	{
		status: 403, message: regexp.MustCompile(`(?i)verified sender`),
		verdict: channel.Misconfigured("the sender is not verified: check SENDGRID_FROM"),
	},
	{status: 403, verdict: channel.Misconfigured("the key may not send mail: check SENDGRID_API_KEY")},
	{status: 404, verdict: channel.Misconfigured("no such resource: check BECKON_SENDGRID_BASE_URL")},
	{status: 405, verdict: channel.Refused("the method is refused")},
	{status: 406, verdict: channel.Refused("the media type is refused")},
	{status: 407, verdict: channel.Misconfigured("the proxy in between refuses us")},
	{status: 408, verdict: channel.Trouble("the request took too long to arrive")},
	{status: 413, verdict: channel.Refused("the mail is too large")},
	{status: 415, verdict: channel.Refused("the media type is refused")},
	{status: 429, verdict: channel.Throttled("too many requests")},
	{
		status:  451,
		verdict: channel.Misconfigured("the account is kept in another region: check BECKON_SENDGRID_BASE_URL"),
	},
}

func verdict(a answer) channel.Verdict {
	for _, r := range table {
		if r.status == a.status && r.matches(a.errors) {
			return r.verdict
		}
	}
	switch {
	case a.status == http.StatusOK && a.empty:
		// Only in sandbox mode, which an account can be in as a whole.
		return channel.Accepted()
	case a.status < 300:
		return channel.Lost("not an answer of SendGrid's: is there a proxy in between?")
	case a.status < 400:
		return channel.Misconfigured("redirected: check BECKON_SENDGRID_BASE_URL")
	case a.status < 500:
		return channel.Refused("the request is refused")
	default:
		return channel.Trouble("trouble at SendGrid")
	}
}

func (r rule) matches(problems []problem) bool {
	if r.field == nil && r.message == nil {
		return true
	}
	for _, p := range problems {
		field := r.field == nil || r.field.MatchString(strings.TrimSpace(p.field))
		if field && (r.message == nil || r.message.MatchString(p.message)) {
			return true
		}
	}
	return false
}
