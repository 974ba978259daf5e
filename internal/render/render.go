package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Limits of what a template may make.
const (
	// MaxHTML is the size of a mail's HTML in bytes.
	MaxHTML = 256 << 10
	// MaxText is the size in bytes of a text, before an SMS is cut.
	MaxText = 128 << 10
	// MaxSubject is the length of a subject in characters; a longer one is cut.
	MaxSubject = 200
)

// Request is what a message is made of.
type Request struct {
	Template string
	Channel  relay.Channel
	// Shape is what events of the trigger carry (relay.EventShape); Event is the one to tell of, in a digest the first.
	Shape *relay.Shape
	Event *relay.Event
	// Events are those that a digest lists, in order, Event the first of them; empty where Event is the only one. Count is how
	// many there are in all, listed or not.
	Events []Told
	Count  int
	// Recipient is whom it is told.
	Recipient relay.Contact
	// Rule is the name of the rule that asks for it.
	Rule string
	// Private keeps from the template what somebody wrote or sent: it is told only that there is something.
	Private bool
	// Links are those of Event.
	Links Links
	// Locale is the recipient's; DefaultLocale is tried after it, then the files without a locale.
	Locale, DefaultLocale string
	// TimeZone is the recipient's; nil is UTC.
	TimeZone *time.Location
	// MaxSegments is how many parts an SMS may have; 0 is 3.
	MaxSegments int
}

// Told is one of the events of a digest, with the shape of its trigger: a rule may have several.
type Told struct {
	Shape *relay.Shape
	Event *relay.Event
	// Links are those to its files.
	Links Links
}

// Links are the addresses that Beckon offers with a message; empty without a public URL.
type Links struct {
	Unsubscribe string
	// Attachments lead to the files of the event's message, in their order; empty where there is no link to one, as to a file
	// that does not lie at CometChat.
	Attachments []string
	// Recording leads to the event's recording.
	Recording string
}

// ExampleLinks stand for the links of a message that is shown and not sent. They lead nowhere.
func ExampleLinks(event relay.Event) Links {
	const file = "https://example.com/m/preview"
	links := Links{Unsubscribe: "https://example.com/u/preview"}
	if event.Message != nil {
		for range event.Message.Attachments {
			links.Attachments = append(links.Attachments, file)
		}
	}
	if event.Recording != nil && event.Recording.URL != "" {
		links.Recording = file
	}
	return links
}

// attachment is the link to a file, by its place among those of the message.
func (l Links) attachment(i int) string {
	if i >= len(l.Attachments) {
		return ""
	}
	return l.Attachments[i]
}

// first is the link to the first file that has one, or to the recording.
func (l Links) first() string {
	for _, link := range l.Attachments {
		if link != "" {
			return link
		}
	}
	return l.Recording
}

// Render makes the message. An SMS digest that is too long lists fewer events, and what is too long even so is cut. The error
// says which file and place failed and never what the event, the recipient or the message says.
func (t *Templates) Render(req Request) (relay.Content, error) {
	v, req, err := t.prepare(req)
	if err != nil {
		return relay.Content{}, err
	}
	write := v.mail
	if req.Channel == relay.ChannelSMS {
		write = v.sms
	}
	content, err := write(req)
	if err != nil {
		return relay.Content{}, fmt.Errorf("render %w", err)
	}
	content.Locale = v.locale
	return content, nil
}

// prepare finds the variant for a request that can be rendered.
func (t *Templates) prepare(req Request) (*variant, Request, error) {
	if !t.Has(req.Template, req.Channel) {
		return nil, req, fmt.Errorf("render template %q: nothing for %s", req.Template, req.Channel)
	}
	if req.Shape == nil || req.Event == nil || slices.ContainsFunc(req.Events, Told.empty) {
		return nil, req, fmt.Errorf("render template %q: no event", req.Template)
	}
	v := t.choices[req.Template][req.Channel].of(req)
	switch {
	case req.Private:
		req = req.withoutContent()
	case !v.raw:
		req = req.withoutRaw()
	}
	return v, req, nil
}

func (t Told) empty() bool { return t.Shape == nil || t.Event == nil }

// Chosen is the locale of the variant that Render takes: "" for the files without one.
func (t *Templates) Chosen(req Request) string {
	if !t.Has(req.Template, req.Channel) {
		return ""
	}
	return t.choices[req.Template][req.Channel].of(req).locale
}

func (v *variant) sms(req Request) (relay.Content, error) {
	fit, err := v.fit(req)
	if err != nil {
		return relay.Content{}, err
	}
	text := fit.Whole.Reveal()
	if fit.Cut {
		text = cutSMS(text, req.segments())
	}
	size := Measure(text, true)
	return relay.Content{Text: relay.Text(text), Encoding: size.Encoding, Segments: size.Segments}, nil
}

func (v *variant) mail(req Request) (relay.Content, error) {
	data := req.data(v.speech)
	subject, err := v.subject(data)
	if err != nil {
		return relay.Content{}, err
	}
	data["subject"] = subject
	content := relay.Content{Subject: relay.Text(subject), Unsubscribe: req.Links.Unsubscribe}
	var html string
	if p := v.parts[fileHTML]; p != nil {
		if html, err = p.execute(data, MaxHTML); err != nil {
			return relay.Content{}, err
		}
		if html = strings.TrimSpace(withoutForeignPictures(html, p.addresses)); html == "" {
			return relay.Content{}, p.empty()
		}
		content.HTML = relay.Text(html)
	}
	text, err := v.mailText(data, html)
	if err != nil {
		return relay.Content{}, err
	}
	content.Text = relay.Text(text)
	return content, nil
}

// subject is one line: a mail's header.
func (v *variant) subject(data map[string]any) (string, error) {
	p := v.parts[fileSubject]
	subject, err := p.execute(data, MaxText)
	if err != nil {
		return "", err
	}
	if subject = short(MaxSubject, oneLine(subject)); subject == "" {
		return "", p.empty()
	}
	return subject, nil
}

// mailText is the text part: as its template says, or made from the HTML.
func (v *variant) mailText(data map[string]any, html string) (string, error) {
	var text string
	var err error
	p := v.parts[fileText]
	if p != nil {
		text, err = p.execute(data, MaxText)
	} else {
		p = v.parts[fileHTML]
		text, err = textOf(html)
	}
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(withoutControls(text)); text == "" {
		return "", p.empty()
	}
	return text, nil
}

func (p *part) empty() error { return fmt.Errorf("%s: the message is empty", p.source.path) }

// withoutControls drops control characters other than newline.
func withoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r != '\n' && unicode.IsControl(r) || isTurn(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

var errTooLong = errors.New("the message is too long")

// execute runs the template until it has written limit bytes.
func (p *part) execute(data map[string]any, limit int) (string, error) {
	out := &limited{left: limit}
	var err error
	if p.html != nil {
		err = p.html.Execute(out, data)
	} else {
		err = p.text.Execute(out, data)
	}
	if err != nil {
		return "", p.failed(err)
	}
	return out.String(), nil
}

// limited is a buffer that refuses to grow over a size.
type limited struct {
	bytes.Buffer

	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errTooLong
	}
	return l.Buffer.Write(b)
}

// WriteString keeps io.WriteString from going around the limit.
func (l *limited) WriteString(s string) (int, error) { return l.Write([]byte(s)) }

var _ io.StringWriter = (*limited)(nil)

var execError = regexp.MustCompile(`^(?:html/)?template: (.+?:\d+):\d+: executing ".*?" at (<[^>]*>): (.*)$`)

// harmless are the reasons of text/template that name only what stands in the template. Others may quote a value.
var harmless = []string{"map has no entry for key", "nil pointer evaluating", "nil data;", "error calling index: index out of range"}

// failed says where execution failed, without the values that the error of text/template may quote.
func (p *part) failed(err error) error {
	if errors.Is(err, errTooLong) {
		return fmt.Errorf("%s: %w", p.source.path, errTooLong)
	}
	if exec, ok := errors.AsType[texttemplate.ExecError](err); ok {
		err = exec.Err
	}
	m := execError.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%s: cannot be executed", p.source.path)
	}
	reason := "cannot be evaluated"
	for _, known := range harmless {
		if strings.HasPrefix(m[3], known) {
			reason = m[3]
		}
	}
	return fmt.Errorf("%s: %s: %s", m[1], m[2], reason)
}
