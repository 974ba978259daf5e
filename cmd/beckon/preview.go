package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// previewFlags are what `beckon preview` was called with.
type previewFlags struct {
	sample, event, id string
	channel, locale   string
	to                string
	count             int
	html              string
	open, json        bool
}

func previewCommand() *cobra.Command {
	var f previewFlags
	c := &cobra.Command{
		Use:   "preview TEMPLATE",
		Short: "Show the messages of a template; nothing is sent",
		Long: `Show what a template (of BECKON_TEMPLATES) makes of an event, in each of its locales: subject, text, the HTML in a file or a
browser, and how an SMS travels. The event is the built-in sample of the triggers that the rules (BECKON_RULES) use the
template for, unless one is named. Nothing is sent.

--count 21 shows a digest of so many events, each of them the same; it lists as many as the rule's digest has for max, and an
SMS only those that it has room for. With --html and several mails, each file has its trigger and locale in its name: page.html, page.de.html.`,
		Example: "  beckon preview mention\n  beckon preview mention --locale de --open\n  beckon preview mention --count 21\n" +
			"  beckon preview missed-call --event call.json --channel sms\n  beckon preview mention --id 2f6c81 --to cometchat-uid-2",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			o, err := f.options(c)
			if err != nil {
				return err
			}
			o.Template = given[0]
			all, err := app.Preview(o)
			if err != nil {
				return misnamed(err)
			}
			return f.show(c, all)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.sample, "sample", "", "tell of the built-in sample of this trigger")
	flags.StringVar(&f.event, "event", "", "tell of the webhook in this file")
	flags.StringVar(&f.id, "id", "", "tell of the kept event with this ID (BECKON_DATABASE_URL)")
	flags.StringVar(&f.channel, "channel", "", "sms or email (default: all that the template has)")
	flags.StringVar(&f.locale, "locale", "", "such as de (default: all that the template has)")
	flags.IntVar(&f.count, "count", 1, "tell of so many events, as a digest")
	flags.StringVar(&f.to, "to", "", "uid of somebody in the files of recipients (BECKON_DIRECTORY)")
	flags.StringVar(&f.html, "html", "", "write the HTML of a mail to this file")
	flags.BoolVar(&f.open, "open", false, "open the HTML of a mail in the browser")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return c
}

// misnamed makes wrong usage of a name that does not exist.
func misnamed(err error) error {
	if _, unknown := errors.AsType[app.UnknownNameError](err); unknown {
		return usageError{err}
	}
	return err
}

// noteLocale says which locale stands for one that a template does not have.
func noteLocale(w io.Writer, template string, ch relay.Channel, wanted, taken string) {
	if wanted != "" {
		_, _ = fmt.Fprintf(w, "beckon: template %s has no %s files for %s; this is %s\n", template, ch, wanted, cmp.Or(taken, "en"))
	}
}

// options reads what the flags name.
func (f *previewFlags) options(c *cobra.Command) (app.PreviewOptions, error) {
	o := app.PreviewOptions{Locale: f.locale, Channel: relay.Channel(f.channel), Sample: relay.Trigger(f.sample), To: f.to, Count: f.count}
	if f.count < 1 {
		return o, usageError{fmt.Errorf("--count must be 1 or more and not %d", f.count)}
	}
	if f.channel != "" && o.Channel != relay.ChannelSMS && o.Channel != relay.ChannelEmail {
		return o, usageError{fmt.Errorf("--channel must be sms or email and not %q", f.channel)}
	}
	named := 0
	for _, source := range []string{f.sample, f.event, f.id} {
		if source != "" {
			named++
		}
	}
	if named > 1 {
		return o, usageError{errors.New("--sample, --event and --id name the event in three ways: give one of them")}
	}
	if o.Channel == relay.ChannelSMS && (f.html != "" || f.open) {
		return o, usageError{errors.New("--html and --open show mails: an SMS has no HTML")}
	}
	var err error
	if o.Config, err = settings(append(config.DirectorySettings(), "BECKON_RULES", "BECKON_TEMPLATES")...); err != nil {
		return o, err
	}
	switch {
	case f.event != "":
		o.Event, err = readEvent(f.event)
	case f.id != "":
		err = withStore(c.Context(), func(s store.Store) error {
			event, err := s.Event(c.Context(), f.id)
			if err != nil {
				return fmt.Errorf("event %s: %w", f.id, err)
			}
			o.Event = &event
			return nil
		})
	}
	return o, err
}

// maxWebhook is the largest webhook that is read from a file, as from the wire.
const maxWebhook = 1 << 20

// readEvent reads a webhook from a file.
func readEvent(path string) (*relay.Event, error) {
	file, err := os.Open(path) //nolint:gosec // named by the operator
	if err != nil {
		return nil, usageError{fmt.Errorf("read the event: %w", err)}
	}
	defer file.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(file, maxWebhook+1))
	if err == nil && len(body) > maxWebhook {
		err = fmt.Errorf("%s is larger than %d KiB", path, maxWebhook>>10)
	}
	if err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	event, err := cometchat.Decode(body, time.Now())
	if err != nil {
		return nil, fmt.Errorf("read the event in %s: %w", path, err)
	}
	return &event, nil
}

// previewRow is a message as `preview --json` prints it.
type previewRow struct {
	Template string        `json:"template"`
	Trigger  relay.Trigger `json:"trigger"`
	Channel  relay.Channel `json:"channel"`
	Locale   string        `json:"locale"`
	Subject  string        `json:"subject,omitempty"`
	Text     string        `json:"text"`
	HTML     string        `json:"html,omitempty"`
	// HTMLFile is where it was written.
	HTMLFile string `json:"html_file,omitempty"`
	// Digest is how many events a digest tells of, and Listed how many of them it lists.
	Digest   int    `json:"digest,omitempty"`
	Listed   int    `json:"listed,omitempty"`
	Segments int    `json:"segments,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	Units    int    `json:"units,omitempty"`
	Room     int    `json:"room,omitempty"`
	// Whole is how the text of an SMS that is cut would travel.
	Whole *wholeRow `json:"whole,omitempty"`
	// Odd are the odd characters of the whole text.
	Odd []oddRow `json:"odd,omitempty"`
}

// wholeRow is the size of a text that was too long.
type wholeRow struct {
	Segments int    `json:"segments"`
	Encoding string `json:"encoding"`
	Units    int    `json:"units"`
}

// oddRow is a character that GSM-7 does not have.
type oddRow struct {
	Character string `json:"character"`
	Instead   string `json:"instead,omitempty"`
	// File is empty where the character came with the event.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func previewRowOf(m app.Previewed) previewRow {
	row := previewRow{
		Template: m.Template, Trigger: m.Trigger, Channel: m.Channel, Locale: m.Content.Locale, Subject: m.Content.Subject.Reveal(),
		Text: m.Content.Text.Reveal(), HTML: m.Content.HTML.Reveal(), Digest: m.Digest, Listed: m.Listed,
	}
	if m.Channel == relay.ChannelSMS {
		row.Segments, row.Encoding, row.Units, row.Room = m.Size.Segments, m.Size.Encoding, m.Size.Units, m.Size.Room()
	}
	if m.Cut {
		row.Whole = &wholeRow{m.Whole.Segments, m.Whole.Encoding, m.Whole.Units}
	}
	for _, o := range m.Odd {
		row.Odd = append(row.Odd, oddRow{o.Char, o.Instead, o.File, o.Line, o.Column})
	}
	return row
}

// show prints the messages and writes and opens their HTML. They are shown in clear: that is what they are looked at for.
func (f *previewFlags) show(c *cobra.Command, all []app.Previewed) error {
	rows := make([]previewRow, 0, len(all))
	noted := map[string]bool{}
	for _, m := range all {
		rows = append(rows, previewRowOf(m))
		if key := string(m.Channel) + m.Wanted; !noted[key] {
			noted[key] = true
			noteLocale(c.ErrOrStderr(), m.Template, m.Channel, m.Wanted, m.Content.Locale)
		}
	}
	// Whatever becomes of the HTML, there is a text to look at, and it says where the files are.
	wrong := f.writePages(c, rows)
	if f.json {
		return errors.Join(printJSON(c.OutOrStdout(), rows), wrong)
	}
	for i, row := range rows {
		if i > 0 {
			_, _ = fmt.Fprintln(c.OutOrStdout())
		}
		row.print(c.OutOrStdout())
	}
	return wrong
}

// writePages writes the HTML of the mails where that is asked for, and opens it.
func (f *previewFlags) writePages(c *cobra.Command, rows []previewRow) error {
	if f.html == "" && !f.open {
		return nil
	}
	triggers := map[relay.Trigger]bool{}
	mails := 0
	for _, row := range rows {
		triggers[row.Trigger] = true
		if row.HTML != "" {
			mails++
		}
	}
	switch {
	case mails == 0 && f.html != "":
		return errors.New("the template makes no HTML")
	case mails == 0:
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "beckon: the template makes no HTML to open")
		return nil
	}
	base := f.html
	if base == "" {
		dir, err := os.MkdirTemp("", "beckon-preview-")
		if err != nil {
			return fmt.Errorf("write the HTML: %w", err)
		}
		base = filepath.Join(dir, "mail.html")
	}
	for i, row := range rows {
		if row.HTML == "" {
			continue
		}
		page := row.page(base, len(triggers) > 1, f.locale == "")
		if err := os.WriteFile(page, []byte(row.HTML), 0o600); err != nil {
			return fmt.Errorf("write the HTML: %w", err)
		}
		rows[i].HTMLFile = page
		if f.open {
			openPage(c.ErrOrStderr(), page)
		}
	}
	return nil
}

// openPage says where the file is when there is no browser to show it.
func openPage(w io.Writer, page string) {
	if err := browser.OpenFile(page); err != nil {
		_, _ = fmt.Fprintf(w, "beckon: no browser can be opened (%v); the mail is in %s\n", err, page)
	}
}

// page is the name of the HTML's file: with the trigger and the locale where they tell it from others.
func (r previewRow) page(base string, byTrigger, byLocale bool) string {
	ext := filepath.Ext(base)
	name := strings.TrimSuffix(base, ext)
	if byTrigger {
		name += "." + string(r.Trigger)
	}
	if byLocale && r.Locale != "" {
		name += "." + r.Locale
	}
	return name + ext
}

func (r previewRow) print(w io.Writer) {
	name := r.Template
	if r.Locale != "" {
		name += " (" + r.Locale + ")"
	}
	_, _ = fmt.Fprintf(w, "%s by %s, of %s", name, r.Channel, r.Trigger)
	if r.Digest > 0 {
		_, _ = fmt.Fprintf(w, ": a digest of %d, lists %d", r.Digest, r.Listed)
	}
	_, _ = fmt.Fprintln(w)
	if r.Channel == relay.ChannelSMS {
		_, _ = fmt.Fprintf(w, "  %s, %s, %d of %d, %d left\n", segments(r.Segments), r.Encoding, r.Units, r.Room, r.Room-r.Units)
	}
	if r.Whole != nil {
		_, _ = fmt.Fprintf(w, "  cut: whole it would take %s, %s\n", segments(r.Whole.Segments), r.Whole.Encoding)
	}
	for _, o := range r.Odd {
		_, _ = fmt.Fprintln(w, "  "+o.String())
	}
	if r.Subject != "" {
		_, _ = fmt.Fprintf(w, "  Subject: %s\n", r.Subject)
	}
	for line := range strings.SplitSeq(r.Text, "\n") {
		_, _ = fmt.Fprintf(w, "  | %s\n", line)
	}
	if r.HTMLFile != "" {
		_, _ = fmt.Fprintf(w, "  HTML: %s\n", r.HTMLFile)
	}
}

// String says what a character costs and where it comes from.
func (o oddRow) String() string {
	text := fmt.Sprintf("%q is not in GSM-7", o.Character)
	if o.File == "" {
		text += "; it comes with the event"
	} else {
		text += fmt.Sprintf("; it stands at %s:%d:%d", o.File, o.Line, o.Column)
	}
	if o.Instead != "" {
		text += fmt.Sprintf("; GSM-7 has %q", o.Instead)
	}
	return text
}
