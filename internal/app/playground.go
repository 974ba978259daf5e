package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"testing/fstest" // its MapFS is the file system in memory of the standard library
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

const (
	// trialTime is how long somebody waits for a trial.
	trialTime = 5 * time.Second
	// trialsAtOnce bounds what trials take from the relay's own work. One that was given up counts until it ends: an expression or a
	// template cannot be stopped in the middle.
	trialsAtOnce = 2
	// trialPeople is the name of the text with the people, in findings.
	trialPeople = "people"
	// trialRules is the name of the rules, in findings; where they have a file it is called after that.
	trialRules = "rules.yaml"
)

// playground tries rules and templates out on an event. Nothing is sent, and nothing is kept but who looked at whom.
type playground struct {
	store store.Store
	// current is what is in force.
	current func() *engine.Generation
	// people is the relay's own directory, and named says where it comes from.
	people func() directory.Source
	named  []string
	// slots bound how many trials run at once.
	slots    chan struct{}
	now      func() time.Time
	patience time.Duration
	logger   *slog.Logger
}

var _ console.Playground = (*playground)(nil)

// newSlots makes room for the trials of a process.
func newSlots() chan struct{} { return make(chan struct{}, trialsAtOnce) }

// Desk implements console.Playground.
func (p *playground) Desk(_ context.Context, viewer bool) view.Desk {
	g := p.current()
	desk := view.Desk{File: g.Rules.File(), Rules: g.Rules.Text(), People: string(DemoRecipients), Directory: p.named}
	if viewer {
		desk.Rules = rules.WithoutAddresses(desk.Rules)
	}
	desk.Templates = filesOf(g)
	for _, trigger := range slices.Sorted(maps.Keys(cometchat.Catalogue())) {
		if body, ok := cometchat.Sample(trigger); ok {
			desk.Samples = append(desk.Samples, view.Sample{Trigger: string(trigger), JSON: string(body)})
		}
	}
	return desk
}

// filesOf are the files of the templates of a generation, in the order of their names.
func filesOf(g *engine.Generation) []view.TextFile {
	files := g.Templates.Files()
	out := make([]view.TextFile, 0, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		out = append(out, view.TextFile{Name: name, Text: files[name]})
	}
	return out
}

// Kept implements console.Playground: it gives the JSON of a kept event, which is noted in the audit.
func (p *playground) Kept(ctx context.Context, id, by string) (string, error) {
	event, err := p.store.Event(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", &console.Refusal{Status: http.StatusNotFound, Message: "No event with that ID is kept (any more)."}
	}
	if err != nil {
		return "", fmt.Errorf("read event: %w", err)
	}
	return string(event.Raw), p.reveal(ctx, by, "event", id)
}

func (p *playground) reveal(ctx context.Context, by, what, subject string) error {
	return views{&view.Reader{Store: p.store}}.revealed(ctx, by, what, subject)
}

// trialError is why a trial cannot be made, for whoever makes it.
type trialError struct{ message string }

// Error implements error.
func (e trialError) Error() string { return e.message }

func problem(format string, args ...any) error { return trialError{fmt.Sprintf(format, args...)} }

// Try implements console.Playground. What is wrong with the trial is in what it gives; the error is for the store.
func (p *playground) Try(ctx context.Context, trial view.Trial) (view.Tried, error) {
	started := p.now()
	tried, err := p.try(ctx, trial)
	if wrong, ok := errors.AsType[trialError](err); ok {
		tried, err = view.Tried{Problem: wrong.message}, nil
	}
	tried.Took = p.now().Sub(started)
	return tried, err
}

func (p *playground) try(ctx context.Context, trial view.Trial) (view.Tried, error) {
	if err := p.bounded(trial); err != nil {
		return view.Tried{}, err
	}
	what, err := p.subject(ctx, trial)
	if err != nil {
		return view.Tried{}, err
	}
	if err := p.noted(ctx, trial); err != nil {
		return view.Tried{}, err
	}
	select {
	case p.slots <- struct{}{}:
	default:
		return view.Tried{}, problem("others are trying something just now; press Explain again in a moment")
	}
	patient, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	done := make(chan view.Tried, 1)
	go func() {
		defer func() { <-p.slots }()
		done <- p.guarded(patient, trial, what)
	}()
	select {
	case tried := <-done:
		if patient.Err() == nil {
			return tried, nil
		}
	case <-patient.Done():
	}
	return view.Tried{}, problem("this took longer than %s and was given up; try fewer rules, or a smaller event", p.patience)
}

// bounded says what is too large, and what a viewer may not do.
func (p *playground) bounded(trial view.Trial) error {
	total := 0
	for _, f := range trial.Templates {
		total += len(f.Text)
	}
	switch {
	case len(trial.Event) > view.MaxTrialEvent:
		return problem("the event is larger than %d KiB, which CometChat never sends", view.MaxTrialEvent>>10)
	case len(trial.Rules) > view.MaxTrialRules:
		return problem("the rules are larger than %d KiB; leave out those that do not matter here", view.MaxTrialRules>>10)
	case len(trial.Templates) > view.MaxTrialFiles:
		return problem("%d template files are changed; at most %d can be tried at once", len(trial.Templates), view.MaxTrialFiles)
	case total > view.MaxTrialText:
		return problem("the changed templates are larger than %d KiB together", view.MaxTrialText>>10)
	case len(trial.People) > view.MaxTrialRules:
		return problem("the people are larger than %d KiB", view.MaxTrialRules>>10)
	case len(trial.Later) > view.MaxTrialLater:
		return problem("%d events come later; at most %d can be tried", len(trial.Later), view.MaxTrialLater)
	case trial.Viewer && trial.Event == "" && trial.Kept != "":
		return problem("a viewer may try samples and pasted events; a kept event shows what people wrote, which is for operators")
	case trial.Viewer && trial.Directory:
		return problem("a viewer may try invented people; those of the directory are for operators")
	case trial.Directory && len(p.named) == 0:
		return problem("no directory is set (BECKON_DIRECTORY), so there is nobody to ask for; use the people on this page")
	}
	return nil
}

// noted keeps in the audit that somebody looks at what is kept, or at people.
func (p *playground) noted(ctx context.Context, trial view.Trial) error {
	var problems []error
	if trial.Event == "" && trial.Kept != "" {
		problems = append(problems, p.reveal(ctx, trial.By, "event", trial.Kept))
	}
	if trial.Directory {
		problems = append(problems, p.reveal(ctx, trial.By, "people", "of the directory, in the playground"))
	}
	return errors.Join(problems...)
}

// tryout is the events of a trial: what it is about, what comes later, and what is known of its call session.
type tryout struct {
	event   relay.Event
	later   []relay.Event
	session []relay.Event
}

func (p *playground) subject(ctx context.Context, trial view.Trial) (tryout, error) {
	var what tryout
	at := trial.At
	switch {
	case strings.TrimSpace(trial.Event) != "":
		if at.IsZero() {
			at = p.now().UTC()
		}
		event, err := cometchat.Decode([]byte(trial.Event), at)
		if wrong, ok := errors.AsType[*cometchat.DecodeError](err); ok {
			return what, problem("the event cannot be read: %s", wrong.Message)
		}
		what.event = event
	case trial.Kept != "":
		event, err := p.store.Event(ctx, trial.Kept)
		if errors.Is(err, store.ErrNotFound) {
			return what, problem("no event with the ID %.80q is kept (any more)", trial.Kept)
		}
		if err != nil {
			return what, err
		}
		if what.session, err = SessionOf(ctx, p.store, event); err != nil {
			return what, err
		}
		if !at.IsZero() {
			event.ReceivedAt = at
		}
		what.event = event
	default:
		return what, problem("there is no event: paste the JSON of a webhook, or take a sample")
	}
	for _, later := range trial.Later {
		body, ok := cometchat.Sample(relay.Trigger(later.Sample))
		if !ok {
			return what, problem("there is no sample of %.80q", later.Sample)
		}
		event, err := cometchat.Decode(body, what.event.ReceivedAt.Add(later.After))
		if err != nil {
			return what, err
		}
		what.later = append(what.later, event)
	}
	return what, nil
}

// guarded keeps a panic over something that was pasted from ending the relay.
func (p *playground) guarded(ctx context.Context, trial view.Trial, what tryout) (tried view.Tried) {
	defer func() {
		if value := recover(); value != nil {
			p.logger.ErrorContext(ctx, "panic in the playground", "panic", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			tried = view.Tried{Problem: "this could not be tried, which is a fault of Beckon; its log says where"}
		}
	}()
	return p.run(ctx, trial, what)
}

// run does the work of a trial. It reads nothing but the directory, if that is what was asked for.
func (p *playground) run(ctx context.Context, trial view.Trial, what tryout) view.Tried {
	generation, found := p.generation(trial)
	people, wrong := p.contacts(ctx, trial)
	tried := view.Tried{Findings: append(viewFindings(found), wrong...), Event: view.EventOf(what.event)}
	if slices.ContainsFunc(tried.Findings, func(f view.Finding) bool { return !f.Warning }) || generation == nil || ctx.Err() != nil {
		return tried
	}
	for _, account := range generation.Explain(what.event) {
		tried.Rules = append(tried.Rules, viewAccount(account))
	}
	if ctx.Err() != nil {
		return tried
	}
	outcomes := foresee(sim.Setup{
		Generation: func(time.Time) *engine.Generation { return generation },
		Contact:    sim.Reachable(people.find), Chat: sim.StandIn, Known: what.session,
		Events: append([]relay.Event{what.event}, what.later...), Stop: func() bool { return ctx.Err() != nil },
	})
	for _, f := range outcomes {
		tried.Outcomes = append(tried.Outcomes, viewOutcome(f, !trial.Directory))
		people.standsIn = people.standsIn || sim.StandsIn(f.Alert.Recipient.UID)
	}
	tried.Notes = people.notes()
	return tried
}

// generation builds what is tried: the rules as they are written, with the changed templates in the place of those in force.
func (p *playground) generation(trial view.Trial) (*engine.Generation, []rules.Finding) {
	texts := maps.Clone(p.current().Templates.Files())
	for _, f := range trial.Templates {
		delete(texts, f.Name)
		if strings.TrimSpace(f.Text) != "" {
			texts[f.Name] = f.Text
		}
	}
	folder := fstest.MapFS{}
	for name, text := range texts {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	g, findings := assemble(files{rulesFile: trialRules, rules: []byte(trial.Rules), templates: folder})
	for i, f := range findings {
		if f.File != trialRules {
			findings[i] = excerpted(f, texts[f.File])
		}
	}
	return g, unique(findings)
}

// invented is where everybody is reached whom the text does not name.
func invented(uid string) relay.Contact {
	return relay.Contact{UID: uid, Name: uid, Email: relay.Email("someone@example.com"), Phone: "+14155550100"}
}

// contacts are the people of a trial.
type contacts struct {
	ctx    context.Context //nolint:containedctx // the simulator's callback has none, and a trial ends with its request
	source directory.Source
	others bool
	// What the notes say: who was invented or unknown, and why the directory could not be asked.
	made, unknown []string
	trouble       error
	standsIn      bool
}

func (p *playground) contacts(ctx context.Context, trial view.Trial) (*contacts, []view.Finding) {
	c := &contacts{ctx: ctx, others: trial.Others && !trial.Directory}
	if trial.Directory {
		c.source = p.people()
		return c, nil
	}
	file, problems := directory.ParseFile(trialPeople, []byte(trial.People))
	if file != nil {
		c.source = file
		return c, nil
	}
	lines := strings.Split(trial.People, "\n")
	findings := make([]view.Finding, 0, len(problems))
	for _, wrong := range problems {
		f := view.Finding{File: trialPeople, Line: max(wrong.Line, 1), Column: max(wrong.Column, 1), Message: wrong.Message}
		if f.Line <= len(lines) {
			f.Excerpt = excerptOf(lines[f.Line-1], f.Column)
		}
		findings = append(findings, f)
	}
	return c, findings
}

// find looks somebody up as sim.Setup asks for it. Who cannot be asked is asked once: the clock of a simulation runs ahead.
func (c *contacts) find(uid string, _ time.Time) (relay.Contact, engine.Found) {
	if c.trouble != nil {
		return relay.Contact{}, engine.FoundDown
	}
	contact, err := c.source.Lookup(c.ctx, uid)
	switch {
	case errors.Is(err, directory.ErrUnknown) && c.others:
		c.made = append(c.made, uid)
		return invented(uid), engine.FoundContact
	case errors.Is(err, directory.ErrUnknown):
		c.unknown = append(c.unknown, uid)
		return relay.Contact{}, engine.FoundNobody
	case err != nil:
		c.trouble = err
		return relay.Contact{}, engine.FoundDown
	}
	if zone, err := time.LoadLocation(contact.TimeZone); err == nil && contact.TimeZone != "" {
		contact.Zone = zone
	}
	return contact, engine.FoundContact
}

func (c *contacts) notes() []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if c.trouble != nil {
		note("the directory could not be asked, so alerts are shown as held: %v", c.trouble)
	}
	if who := named(c.made); who != "" {
		note("not among the people, so reached at an invented number and address: %s", who)
	}
	if who := named(c.unknown); who != "" {
		note("unknown, so not told: %s", who)
	}
	if c.standsIn {
		note("CometChat was not asked: one person stands in for all who are looked up when it happens")
	}
	return notes
}

// maxNamed is how many people a note names.
const maxNamed = 10

// named lists people, each once.
func named(uids []string) string {
	uids = slices.Compact(slices.Sorted(slices.Values(uids)))
	if len(uids) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(uids[:maxNamed], ", "), len(uids)-maxNamed)
	}
	return strings.Join(uids, ", ")
}

// sizeOf says how an SMS travels.
func sizeOf(ch relay.Channel, c relay.Content) view.SMSSize {
	if ch != relay.ChannelSMS || c.Text == "" {
		return view.SMSSize{}
	}
	return view.SMSSize{Encoding: c.Encoding, Segments: c.Segments, Characters: render.Measure(c.Text.Reveal(), true).Characters}
}
