package vendortest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/mail"
	"slices"
	"strings"
)

const (
	maxRecipients = 1000
	maxCustomArgs = 10000
	maxSubject    = 998 // a header line, RFC 5322
)

// forbiddenHeaders are those that SendGrid sets itself and refuses to be given.
var forbiddenHeaders = []string{
	"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from", "subject",
	"reply-to", "cc", "bcc",
}

// Mailbox is a name and an address.
type Mailbox struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

// mailBody is what mail/send takes; any other field is refused.
type mailBody struct {
	From             *Mailbox          `json:"from"`
	ReplyTo          *Mailbox          `json:"reply_to"`
	ReplyToList      []Mailbox         `json:"reply_to_list"`
	Subject          string            `json:"subject"`
	Personalizations []personalization `json:"personalizations"`
	Content          []mailPart        `json:"content"`
	Attachments      []json.RawMessage `json:"attachments"`
	TemplateID       string            `json:"template_id"`
	Headers          map[string]string `json:"headers"`
	Categories       []string          `json:"categories"`
	CustomArgs       map[string]string `json:"custom_args"`
	SendAt           int64             `json:"send_at"`
	BatchID          string            `json:"batch_id"`
	ASM              json.RawMessage   `json:"asm"`
	IPPoolName       string            `json:"ip_pool_name"`
	MailSettings     json.RawMessage   `json:"mail_settings"`
	TrackingSettings struct {
		ClickTracking        json.RawMessage `json:"click_tracking"`
		OpenTracking         json.RawMessage `json:"open_tracking"`
		SubscriptionTracking json.RawMessage `json:"subscription_tracking"`
		Ganalytics           json.RawMessage `json:"ganalytics"`
	} `json:"tracking_settings"`
}

type personalization struct {
	From                *Mailbox          `json:"from"`
	To                  []Mailbox         `json:"to"`
	CC                  []Mailbox         `json:"cc"`
	BCC                 []Mailbox         `json:"bcc"`
	Subject             string            `json:"subject"`
	Headers             map[string]string `json:"headers"`
	Substitutions       map[string]string `json:"substitutions"`
	DynamicTemplateData map[string]any    `json:"dynamic_template_data"`
	CustomArgs          map[string]string `json:"custom_args"`
	SendAt              int64             `json:"send_at"`
}

type mailPart struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (m mailBody) part(kind string) string {
	for _, c := range m.Content {
		if c.Type == kind {
			return c.Value
		}
	}
	return ""
}

// check gives the first error that SendGrid would.
func (m mailBody) check() *sendgridError {
	for _, check := range []func() *sendgridError{m.checkFrom, m.checkRecipients, m.checkContent, m.checkHeaders} {
		if e := check(); e != nil {
			return e
		}
	}
	return nil
}

func badMail(field, message string) *sendgridError {
	return &sendgridError{http.StatusBadRequest, field, message}
}

func (m mailBody) checkFrom() *sendgridError {
	if m.From == nil || !isAddress(m.From.Email) {
		return badMail("from.email", "The from email does not contain a valid address.")
	}
	if strings.ContainsAny(m.From.Name, ";,") || strings.ContainsFunc(m.From.Name+m.From.Email, func(r rune) bool { return r > '~' }) {
		return badMail("from.name", "The from name is not valid.")
	}
	if !strings.HasSuffix(m.From.Email, "@"+verifiedDomain) {
		return &sendgridError{
			http.StatusForbidden, "from", "The from address does not match a verified Sender Identity. Mail cannot be sent.",
		}
	}
	return nil
}

func (m mailBody) checkRecipients() *sendgridError {
	if len(m.Personalizations) == 0 {
		return badMail("personalizations", "The personalizations field is required and must have at least one personalization.")
	}
	seen := map[string]bool{}
	for i, p := range m.Personalizations {
		if len(p.To) == 0 {
			return badMail(fmt.Sprintf("personalizations.%d.to", i), "The to array is required and must have at least one address.")
		}
		for j, to := range slices.Concat(p.To, p.CC, p.BCC) {
			if !isAddress(to.Email) {
				return badMail(fmt.Sprintf("personalizations.%d.to.%d.email", i, j), "Does not contain a valid address.")
			}
			if key := strings.ToLower(to.Email); seen[key] {
				return badMail("personalizations", "Each unique email address in the personalizations array should only be included once.")
			}
			seen[strings.ToLower(to.Email)] = true
		}
		size := 0
		for name, value := range p.CustomArgs {
			size += len(name) + len(value)
		}
		if size >= maxCustomArgs {
			return badMail(fmt.Sprintf("personalizations.%d.custom_args", i), "The custom_args are too large.")
		}
	}
	if len(seen) > maxRecipients {
		return badMail("personalizations", "There are too many recipients.")
	}
	return nil
}

func (m mailBody) checkContent() *sendgridError {
	if m.Subject == "" || len(m.Subject) > maxSubject {
		return badMail("subject", "The subject is required, and must not be too long.")
	}
	if len(m.Content) == 0 && m.TemplateID == "" {
		return badMail("content", "Unless a valid template_id is provided, the content parameter is required.")
	}
	order := []string{"text/plain", "text/html"}
	last := -1
	for i, c := range m.Content {
		if c.Type == "" || c.Value == "" {
			return badMail(fmt.Sprintf("content.%d.value", i), "The content value must be a string at least one character in length.")
		}
		at := slices.Index(order, c.Type)
		if at >= 0 && at <= last {
			return badMail("content", "If present, text/plain must be first, followed by text/html, followed by any other content.")
		}
		last = max(last, at)
	}
	return nil
}

func (m mailBody) checkHeaders() *sendgridError {
	for name, value := range m.Headers {
		if slices.Contains(forbiddenHeaders, strings.ToLower(name)) {
			return badMail("headers", "The header "+name+" is reserved.")
		}
		if strings.ContainsAny(name+value, "\r\n") {
			return badMail("headers", "A header must not have a line break.")
		}
	}
	return nil
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}
