package sendgrid

import (
	"strconv"
	"strings"
)

// SendGrid's pages about the statuses of its answers, and about what mail servers answer it.
const (
	answerPages = "https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors"
	bouncePages = "https://www.twilio.com/docs/sendgrid/for-developers/sending-email/smtp-errors-and-troubleshooting"
)

// Explain says in our words what the status of an answer of SendGrid's means, or the code that a mail server gave it (RFC 3463, such as
// 5.1.1), and where SendGrid writes about it.
func Explain(code string) (means, link string) {
	if enhancedCode.MatchString(code) {
		return enhanced(code), bouncePages
	}
	status, err := strconv.Atoi(code)
	if err != nil || status < 200 || status > 599 {
		return "", ""
	}
	return verdict(answer{status: status}).Words, answerPages
}

// enhanced says what a code means: by its second and third number where those say something, otherwise by the second. The words
// are ours for the meanings in RFC 3463 and the registry that follows it.
func enhanced(code string) string {
	class, rest, _ := strings.Cut(code, ".")
	subject, _, _ := strings.Cut(rest, ".")
	means, ok := map[string]string{
		"1.1": "no such mailbox", "1.2": "no such mail domain", "1.3": "the address is not valid", "1.6": "the mailbox has moved",
		"1.10": "the domain takes no mail", "2.1": "the mailbox is disabled", "2.2": "the mailbox is full",
		"2.3": "the mail is too large for the mailbox", "3.4": "the mail is too large for the server", "4.1": "the mail server does not answer",
		"4.4": "no way to the mail server is known", "4.7": "it could not be delivered in time", "7.1": "the mail server refuses the mail",
		"7.26": "the sender's domain is not authenticated (SPF, DKIM)",
	}[rest]
	if !ok {
		means, ok = map[string]string{
			"1": "something is wrong with the address", "2": "something is wrong with the mailbox", "3": "trouble at the mail server",
			"4": "trouble on the way to the mail server", "5": "the mail servers do not understand each other",
			"6": "the mail server does not take such a content", "7": "the mail server's rules refuse it",
		}[subject]
	}
	if !ok {
		means = "the mail server gives no reason"
	}
	return means + map[string]string{"2": "", "4": ", for now", "5": ", for good"}[class]
}
