package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// secret is what people write, and where they are reached, in the privacy test. Each is written nowhere else.
const (
	secretText   = "the password is Swordfish-9912, says Quentin Zephyrine"
	georgeNumber = "+14155559912"
	georgeMail   = "george.zephyrine.9912@mail.example.org"
	fixedMail    = "on-call-9912@ops.example.org"
	strayNumber  = "+442079469912"
)

// leaks are what must stand in no output: texts, names in texts, numbers as anybody writes them, addresses, and addresses as they stand
// in the links of mails.
func leaks() []string {
	all := []string{
		"swordfish", "zephyrine", "quentin", "14155559912", "4155559912", "5559912", "555-9912", "2079469912", "79469912",
		"george.zeph", "on-call-9912",
	}
	for _, address := range []string{georgeMail, fixedMail} {
		for cut := range 3 { // wherever it begins among the others
			encoded := base64.RawURLEncoding.EncodeToString([]byte(address[cut:]))
			all = append(all, strings.ToLower(encoded[:len(encoded)-4]))
		}
	}
	return all
}

// outputs is everything that was said, by who said it.
type outputs struct {
	t    *testing.T
	said map[string]string
}

func (o *outputs) add(by, said string) { o.said[by] += said + "\n" }

// clean fails for every leak, with the words around it.
func (o *outputs) clean() {
	o.t.Helper()
	for by, said := range o.said {
		lower := strings.ToLower(said)
		for _, leak := range leaks() {
			if at := strings.Index(lower, leak); at >= 0 {
				o.t.Errorf("%s says %q: ...%s...", by, leak, said[max(0, at-150):min(len(said), at+len(leak)+50)])
			}
		}
	}
}

// fetch notes the whole answer to a request.
func (o *outputs) fetch(by, method, url, body string, change func(*http.Request)) int {
	o.t.Helper()
	request, err := http.NewRequestWithContext(o.t.Context(), method, url, strings.NewReader(body))
	require.NoError(o.t, err)
	request.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(request)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(o.t, err)
	defer response.Body.Close() //nolint:errcheck // of a test
	raw, err := io.ReadAll(response.Body)
	require.NoError(o.t, err)
	o.add(by, fmt.Sprint(response.Header)+string(raw))
	return response.StatusCode
}

const privacyRules = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, if: 'event.message.text != "" || event.raw.data.nothing.at.all == 1', to: mentioned, urgent: true, send: [ { sms: mention }, { email: mention } ] }
  - { name: ops, trigger: user_mentioned, to: { email: ` + fixedMail + ` }, send: [ { email: mention } ] }
  - { name: watch, trigger: user_mentioned, if: 'event.message.text.startsWith("urgent") && event.sender.name != event.message.text', to: mentioned, send: [ { sms: mention } ] }
  - { name: fails, trigger: user_mentioned, if: 'int(event.message.text) > 0 || event.raw.data[event.message.text] == 1', to: mentioned, send: [ { sms: mention } ] }
  - { name: unread, trigger: message_sent, to: receiver, wait: 1h, unless: [ { trigger: user_mentioned, if: later.raw.data.nothing == event.raw.data.less } ], send: [ { sms: unread-message } ] }
`

// TestNothingThatIsSaidTellsWhatPeopleWriteOrWhereTheyAre runs the whole flow through the real binary at log level debug, with vendors that
// quote what they were sent, and looks through everything that comes out of it. What may show it, and is left out, is what an operator asks
// for by name: deliveries show --reveal, export, explain and preview (whose messages are their purpose), backtest --texts, send-test; the
// calls to the vendors, and what is kept in the database.
func TestNothingThatIsSaidTellsWhatPeopleWriteOrWhereTheyAre(t *testing.T) {
	t.Parallel()
	l := newLab(t, privacyRules)
	l.env["BECKON_LOG_LEVEL"] = "debug"
	l.env["SENDGRID_EVENT_PUBLIC_KEY"] = l.sendgrid.PublicKey(t)
	l.env["COMETCHAT_APP_ID"] = "2648139a7c5b41d0"
	l.write("people.yaml", "cometchat-uid-2: { name: George Alan, phone: \""+georgeNumber+"\", email: "+georgeMail+" }\n")
	o := &outputs{t: t, said: map[string]string{}}
	p, s := l.serve(), l.kept()
	events := o.webhooks(p, s)
	o.receipts(p, s, events)
	o.links(p)
	o.operators(p)
	o.reloads(p)
	o.commands(l, s)
	o.fetch("metrics", http.MethodGet, p.admin+"/metrics", "", nil)
	o.fetch("readyz", http.MethodGet, p.admin+"/readyz", "", nil)
	p.stop()
	o.add("the log", p.log())
	require.Contains(t, p.log(), `"level":"DEBUG"`)
	o.clean()

	out, _, code := l.run("deliveries", "show", o.shown(s), "--reveal")
	require.Zero(t, code)
	require.Contains(t, out, "Swordfish", "the search would have found it")
}

// faults are answers of vendors that quote what they were sent.
func faults(quoted string) []vendortest.Answer {
	code := func(status, code int) vendortest.Answer {
		return vendortest.Answer{Status: status, Body: fmt.Sprintf(`{"code":%d,"message":"%s is wrong","more_info":"%s","status":%d}`,
			code, quoted, quoted, status)}
	}
	location := "https://elsewhere.example/?to=" + strings.ReplaceAll(quoted, " ", "%20")
	return []vendortest.Answer{
		{}, // those after which nothing more is sent come last
		code(400, 99999),
		{Status: 400, Body: `{"errors":[{"message":"` + quoted + `","field":"` + quoted + `"}]}`},
		{Status: 201, Body: "<html>" + quoted},
		{Status: 202, Header: map[string]string{"X-Message-Id": quoted}, Body: quoted},
		{Status: 302, Header: map[string]string{"Location": location}},
		{Reset: true},
		{CutOff: true},
		{Drop: true},
		code(503, 0),
		code(400, 21211),
		code(429, 20429),
		code(401, 20003),
	}
}

// webhooks posts what is taken, what is repeated and what is wrong, while the vendors misbehave.
func (o *outputs) webhooks(p *process, s store.Store) (events []string) {
	o.t.Helper()
	p.twilio.Next(faults(georgeNumber + " " + secretText)...)
	p.sendgrid.Next(faults(georgeMail + " " + secretText)...)
	url := p.public + "/webhooks/cometchat"
	known := func(r *http.Request) { r.SetBasicAuth("cometchat", "secret") }
	var body []byte
	for i := range len(faults("")) {
		body = sample(o.t, relay.UserMentioned, map[string]any{
			"data.message.id": strconv.Itoa(5000 + i), "data.message.data.text": secretText + " to <@uid:cometchat-uid-2>",
			"data.message.data.metadata": map[string]string{"phone": strayNumber, "mail": georgeMail},
		})
		events = append(events, p.mustPost(body).ID)
	}
	events = append(events, p.mustPost(sample(o.t, relay.MessageSent, map[string]any{"data.message.data.text": secretText})).ID)
	require.Equal(o.t, http.StatusOK, o.fetch("a repeat", http.MethodPost, url, string(body), known))
	for name, bad := range map[string]string{
		"no JSON": secretText + georgeNumber, "half of JSON": string(body[:len(body)/2]), "a list": `["` + secretText + `"]`,
		"another app": strings.ReplaceAll(string(body), "2648139a7c5b41d0", strayNumber), "no data": `{"trigger":"` + secretText + `"}`,
		"data that is none": `{"trigger":"user_mentioned","data":"` + secretText + `","appId":"2648139a7c5b41d0"}`,
		"odd fields":        `{"trigger":"user_mentioned","data":{"message":{"id":{"x":"` + georgeMail + `"}}},"appId":"2648139a7c5b41d0"}`,
		"unknown trigger":   `{"trigger":"of_tomorrow","data":{"n":"` + strayNumber + `","t":"` + secretText + `"},"appId":"2648139a7c5b41d0"}`,
	} {
		o.fetch(name, http.MethodPost, url, bad, known)
	}
	o.fetch("a stranger", http.MethodPost, url, string(body), func(r *http.Request) { r.SetBasicAuth(georgeMail, secretText) })
	o.fetch("another media type", http.MethodPost, url, string(body), func(r *http.Request) {
		known(r)
		r.Header.Set("Content-Type", strings.ReplaceAll(secretText, " ", "-")+"/x")
	})
	o.fetch("another address", http.MethodGet, p.public+"/"+georgeNumber+"?to="+georgeMail, "", nil)
	o.fetch("too much", http.MethodPost, url, strings.Repeat(secretText, 30_000), known)
	p.eventually("most is decided and tried", func() bool {
		stats, err := s.Stats(o.t.Context())
		require.NoError(o.t, err)
		return p.twilio.Requests() > 10 && p.sendgrid.Requests() > 10 && stats.Alerts[relay.AlertHeld] <= 1
	})
	return events
}

// receipts posts what vendors and people say afterwards.
func (o *outputs) receipts(p *process, s store.Store, events []string) {
	o.t.Helper()
	p.eventually("something was taken", func() bool { return len(p.twilio.Messages()) > 0 && len(p.sendgrid.Mails()) > 0 })
	sms, mail := p.twilio.Messages()[0], p.sendgrid.Mails()[0]
	p.accepted(http.StatusNoContent, p.twilio.Reports(sms, "sent", "undelivered 30003")...)
	for _, text := range []string{"STOP", secretText, "START"} {
		p.accepted(http.StatusOK, p.twilio.Inbound(labPublic, strayNumber, text, ""))
	}
	quoting := vendortest.Event{"type": "bounce", "reason": "550 " + georgeMail + " is not " + georgeNumber, "response": georgeMail, "status": georgeNumber}
	p.accepted(http.StatusOK, p.sendgrid.Batch(o.t, p.sendgrid.Event(mail, "bounce", quoting), p.sendgrid.Event(mail, "spamreport", quoting),
		p.sendgrid.Event(mail, "deferred", quoting), p.sendgrid.Event(mail, "dropped", quoting), p.sendgrid.Event(mail, "unsubscribe", quoting)))
	for _, report := range []vendortest.Report{p.twilio.Inbound(labPublic, strayNumber, secretText, ""), p.sendgrid.Batch(o.t)} {
		report.Header.Set("X-Twilio-Signature", georgeMail)
		o.fetch("a forgery", http.MethodPost, p.public+report.URI, secretText, func(r *http.Request) { r.Header = report.Header })
	}
	// Somebody who said no is written to no more, which is logged, too.
	p.mustPost(sample(o.t, relay.UserMentioned, map[string]any{"data.message.id": "5900", "data.message.data.text": secretText}))
	_, err := s.Event(o.t.Context(), events[0])
	require.NoError(o.t, err)
}

// links opens the link of a mail, and others.
func (o *outputs) links(p *process) {
	o.t.Helper()
	mail := p.sendgrid.Mails()[0]
	path := strings.Trim(mail.Headers["List-Unsubscribe"], "<>")
	path = strings.TrimPrefix(path, labPublic)
	require.Contains(o.t, path, "/u/")
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	require.Equal(o.t, http.StatusOK, o.fetch("a look at a link", http.MethodGet, p.public+path, "", nil))
	require.Equal(o.t, http.StatusOK, o.fetch("a click", http.MethodPost, p.public+path, "List-Unsubscribe=One-Click", form))
	o.fetch("a link that was changed", http.MethodGet, p.public+path+"x", "", nil)
	o.fetch("a link with an address", http.MethodPost, p.public+"/u/"+georgeMail, "List-Unsubscribe=One-Click", form)
}

// operators pause, and ask for what is not there.
func (o *outputs) operators(p *process) {
	o.t.Helper()
	for _, args := range [][]string{
		{"pause", "--channel", "sms"}, {"pause", "--list"}, {"resume"}, {"pause", "--rule", secretText}, {"pause", "--history"},
		{"forget", "nobody-at-all", "--yes", "--address", "+442079460000"}, {"forget", "nobody-at-all", "--dry-run", "--address", strayNumber},
		{"forget", "nobody-at-all", "--dry-run", "--address", secretText},
		{"export", "nobody-at-all", "--address", georgeMail + " " + secretText},
	} {
		out, errs, _ := p.run(append(args, "--server", p.admin)...)
		if args[0] == "pause" && len(args) > 1 && args[1] == "--rule" {
			errs = strings.ReplaceAll(errs, secretText, "") // they are told what they typed themselves
		}
		o.add(args[0]+" by hand", out+errs)
	}
	o.fetch("a bad pause", http.MethodPost, p.admin+"/-/pause", `{"channel":"`+georgeNumber+`"`, nil)
	o.fetch("a bad forget", http.MethodPost, p.admin+"/console/api/people/x/forget", `{"addresses":"`+georgeNumber+`"}`, nil)
}

// reloads files that are broken where they hold addresses.
func (o *outputs) reloads(p *process) {
	o.t.Helper()
	people := "cometchat-uid-2: { name: George Alan, phone: \"" + georgeNumber + "12345\", email: " + georgeMail + "@x, locale: [" + secretText + "] }\n"
	p.write("people.yaml", people)
	require.Equal(o.t, http.StatusUnprocessableEntity, o.fetch("a broken directory", http.MethodPost, p.admin+"/-/reload", "", nil))
	p.write("people.yaml", "cometchat-uid-2: { phone: \""+georgeNumber+"\"\n")
	require.Equal(o.t, http.StatusUnprocessableEntity, o.fetch("a directory that is no YAML", http.MethodPost, p.admin+"/-/reload", "", nil))
	p.write("people.yaml", "cometchat-uid-2: { name: George Alan }\n")
	require.NoError(o.t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.eventually("it is reloaded", func() bool { return strings.Contains(p.log(), `"msg":"reloaded"`) })
}

// commands are those that look.
func (o *outputs) commands(l *lab, s store.Store) {
	o.t.Helper()
	for _, args := range [][]string{
		{"events", "list"}, {"alerts", "list"}, {"deliveries", "list"}, {"backtest", "--rules", "rules.yaml"}, {"check"},
	} {
		for _, format := range [][]string{nil, {"--json"}} {
			out, errs, code := l.run(append(args, format...)...)
			require.Zero(o.t, code, errs)
			o.add(strings.Join(append(args, format...), " "), out+errs)
		}
	}
	for kind, of := range map[string]store.Kind{"events": store.KindEvent, "alerts": store.KindAlert, "deliveries": store.KindDelivery} {
		ids, err := s.IDs(o.t.Context(), of, "", 15)
		require.NoError(o.t, err)
		require.NotEmpty(o.t, ids)
		for i, id := range ids {
			args := []string{kind, "show", id}
			if i%2 == 0 {
				args = append(args, "--json")
			}
			out, errs, code := l.run(args...)
			require.Zero(o.t, code, errs)
			o.add(kind+" show", out+errs)
		}
	}
}

// shown is a delivery with a text.
func (o *outputs) shown(s store.Store) string {
	o.t.Helper()
	deliveries, err := s.Deliveries(o.t.Context(), store.Filter{Channel: relay.ChannelSMS, Rule: "mention"})
	require.NoError(o.t, err)
	for _, d := range deliveries {
		if d.Content.Text != "" {
			return d.ID
		}
	}
	o.t.Fatal("no delivery has a text")
	return ""
}
