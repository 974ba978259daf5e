package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/loadtest"
)

// people are how many different ones are mentioned, and how many mention.
const people = 1000

// webhookUser is who posts.
const webhookUser = "cometchat:secret"

// holding keeps the alert of a mention for an hour: what is measured with it is accepting, and no message goes out.
const holding = `version: 1
rules:
  - name: mention
    trigger: user_mentioned
    if: event.conversation.kind == "user"
    to: mentioned
    wait: 1h
    unless: [read]
    urgent: true
    send: [ { sms: mention } ]
`

// setup is a relay that is yet to start.
type setup struct {
	dir string
	env map[string]string
}

// relay makes a folder with rules, people and an empty database.
func (b *bench) relay(rules string, sink loadtest.SinkClient) (setup, error) {
	dir, err := b.lab.Folder()
	if err != nil {
		return setup{}, err
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	s := setup{dir: dir, env: map[string]string{
		"BECKON_LISTEN": "127.0.0.1:0", "BECKON_ADMIN_LISTEN": "127.0.0.1:0", "BECKON_WEBHOOK_USERS": webhookUser,
		"BECKON_DATABASE_URL": "sqlite:" + file("beckon.db"), "BECKON_RULES": file("rules.yaml"), "BECKON_TEMPLATES": b.templates,
		"BECKON_DIRECTORY": "file:" + file("people.yaml"),
		"BECKON_SMS_RATE":  "100000", "BECKON_EMAIL_RATE": "100000", "BECKON_SMS_CONCURRENCY": "128", "BECKON_EMAIL_CONCURRENCY": "128",
		"TWILIO_ACCOUNT_SID": vendortest.TwilioAccountSID, "TWILIO_AUTH_TOKEN": vendortest.TwilioAuthToken,
		"TWILIO_FROM": vendortest.TwilioFrom, "BECKON_TWILIO_BASE_URL": sink.URL(),
		"SENDGRID_API_KEY": vendortest.SendGridAPIKey, "SENDGRID_FROM": vendortest.SendGridFrom, "BECKON_SENDGRID_BASE_URL": sink.URL(),
	}}
	var contacts strings.Builder
	for i := range people {
		_, _ = fmt.Fprintf(&contacts, "reader-%04d: { name: Reader %d, phone: \"+1415555%04d\", email: reader-%d@example.net }\n", i, i, i, i)
	}
	return s, errors.Join(
		os.WriteFile(file("rules.yaml"), []byte(rules), 0o600), //nolint:gosec // a folder of ours
		os.WriteFile(file("people.yaml"), []byte(contacts.String()), 0o600),
	)
}

// nowhere is a sink that nothing is sent to.
func nowhere() loadtest.SinkClient { return loadtest.SinkClient{Address: "127.0.0.1:9"} }
