package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/channel/outbox"
	"github.com/beckon-relay/beckon/internal/channel/sendgrid"
	"github.com/beckon-relay/beckon/internal/channel/twilio"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/view"
)

// live is everything that a reload replaces: it is built whole and swapped in at once, or not at all.
type live struct {
	generation *engine.Generation
	// warnings are what is doubtful in the rules and templates.
	warnings []rules.Finding
	// people are where contacts come from, and CometChat's API (people.cometchat, nil without a key).
	people *sources
	// chat is nil where CometChat's API cannot be asked.
	chat      dispatch.Chat
	providers map[relay.Channel]dispatch.Provider
	mailLinks mailLinks
	// media is nil where messages have no links to files.
	media *media
	// reporting are the channels on which receipts can come in.
	reporting map[relay.Channel]bool
	public    http.Handler
	admin     http.Handler
	// stamp tells whether anything changed since.
	stamp string
}

// FindingsError is what is wrong with rules and templates: an error that keeps their places.
type FindingsError []rules.Finding

// Error lists all of them.
func (f FindingsError) Error() string {
	lines := make([]string, 0, len(f))
	for _, finding := range f {
		if isError(finding) {
			lines = append(lines, finding.String())
		}
	}
	return strings.Join(lines, "\n")
}

// load builds a live from the settings. The error names everything that is missing or wrong.
func (a *App) load(c config.Config) (*live, error) {
	next := &live{}
	var problems []error
	generation, findings, err := loadGeneration(c.Rules, c.Templates, a.HurryTo)
	if err != nil {
		return nil, err
	}
	findings = append(findings, Outlived(generation, c.Retention)...)
	if slices.ContainsFunc(findings, isError) {
		problems = append(problems, FindingsError(findings))
	}
	next.generation, next.warnings = generation, findings
	next.people, err = a.finder().open(c)
	problems = append(problems, err)
	if next.people != nil {
		next.warnings = append(next.warnings, mutedStrangers(next.people.files, generation)...)
	}
	next.providers, err = providers(c, a.store)
	problems = append(problems, err, missing(generation, next.providers, c), unasked(generation, c))
	next.warnings = append(next.warnings, deaf(generation, c)...)
	next.chat = newChat(next.people, c)
	next.mailLinks, err = newMailLinks(c)
	problems = append(problems, err)
	callbacks, err := a.callbacks(c)
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	next.reporting = reporting(c)
	next.media = newMedia(c, next.mailLinks, next.people.cometchat, a.store)
	guard, err := a.guard(c)
	if err != nil {
		return nil, err
	}
	next.public, next.admin = a.handlers(c, next, made{callbacks: callbacks, guard: guard})
	next.stamp = strings.Join(append(next.people.hashes, generation.Hash, secretsOf(c)), " ")
	return next, nil
}

// providers makes the provider of each channel that is configured; keeper is for the outbox.
func providers(c config.Config, keeper outbox.Keeper) (map[relay.Channel]dispatch.Provider, error) {
	out := map[relay.Channel]dispatch.Provider{}
	if c.Providers == config.ProvidersOutbox {
		box := outbox.New(keeper, time.Now)
		for _, ch := range relay.Channels() {
			out[ch] = box
		}
		return out, nil
	}
	var problems []error
	if c.Twilio.Configured() {
		client, err := twilio.New(twilioConfig(c))
		if err != nil {
			problems = append(problems, err)
		} else {
			out[relay.ChannelSMS] = client
		}
	}
	if c.SendGrid.Configured() {
		client, err := sendgrid.New(sendgrid.Config{
			APIKey: c.SendGrid.APIKey.Reveal(), From: c.SendGrid.From, BaseURL: text(c.SendGrid.BaseURL),
			Activity: c.SendGrid.Activity, ActivityLag: c.SendGrid.ActivityLag,
		})
		if err != nil {
			problems = append(problems, err)
		} else {
			out[relay.ChannelEmail] = client
		}
	}
	return out, errors.Join(problems...)
}

func twilioConfig(c config.Config) twilio.Config {
	return twilio.Config{
		AccountSID: c.Twilio.AccountSID, AuthToken: c.Twilio.AuthToken().Reveal(), APIKey: c.Twilio.APIKey,
		APISecret: c.Twilio.APISecret.Reveal(), From: c.Twilio.From, MessagingServiceSID: c.Twilio.MessagingServiceSID,
		BaseURL: text(c.Twilio.BaseURL), PublicURL: text(c.PublicURL),
	}
}

func text(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}

// missing names every channel that an enabled rule sends on and nobody carries.
func missing(generation *engine.Generation, providers map[relay.Channel]dispatch.Provider, c config.Config) error {
	if generation == nil {
		return nil
	}
	needed := map[relay.Channel][]string{}
	for _, rule := range generation.Rules.Rules() {
		for _, send := range slices.Concat(rule.Send, rule.Fallback) {
			if _, ok := providers[send.Channel]; !ok && rule.Enabled && !slices.Contains(needed[send.Channel], rule.Name) {
				needed[send.Channel] = append(needed[send.Channel], rule.Name)
			}
		}
	}
	var problems []error
	for _, ch := range relay.Channels() {
		configured := ch == relay.ChannelSMS && c.Twilio.Configured() || ch == relay.ChannelEmail && c.SendGrid.Configured()
		if names := needed[ch]; len(names) > 0 && !configured {
			problems = append(problems, fmt.Errorf("%s is not configured, but these rules send it: %s; set %s, or BECKON_PROVIDERS=outbox",
				ch, strings.Join(names, ", "), settingsOf(ch)))
		}
	}
	return errors.Join(problems...)
}

// settingsOf names what configures a channel's provider.
func settingsOf(ch relay.Channel) string {
	if ch == relay.ChannelSMS {
		return "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET) and " +
			"TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID"
	}
	return "SENDGRID_API_KEY and SENDGRID_FROM"
}

// made are what the handlers are made with besides.
type made struct {
	callbacks map[string]server.Callback
	guard     *access.Guard
}

// handlers are made anew on each reload, because the credentials they check may have been rotated.
func (a *App) handlers(c config.Config, next *live, with made) (public, admin http.Handler) {
	users := make([]server.Credential, 0, len(c.WebhookUsers))
	for _, u := range c.WebhookUsers {
		users = append(users, server.Credential{User: u.User, Password: u.Password.Reveal()})
	}
	public = server.NewPublic(server.PublicOptions{
		Intake: &intake{
			store: a.store, current: a.generation, metrics: a.metrics, tally: a.tally, now: time.Now,
			appID: c.CometChat.AppID, keepAll: c.Keep == config.KeepAll, watched: a.watched, tracer: a.tracer,
		},
		Users: users, TrustedProxies: c.TrustedProxies, Logger: sparing(a.Logger), Observer: a.metrics,
		Unsubscriber: next.mailLinks.unsubscriber(a.store), Media: next.media.opener(), Callbacks: with.callbacks, Tracer: a.tracer,
	})
	admin = server.NewAdmin(server.AdminOptions{
		Ready: a.ready, Alive: func() error { return nil }, Metrics: a.metrics.handler(), Reload: a.reloadByHand,
		Switches: switches{a}, Preferences: preferences{a}, Suppressions: suppressions{a.store}, People: &records{app: a},
		API: a.api(), Bulk: bulk{a.store, time.Now}, Level: a.logLevel(),
		Guard: with.guard, Console: a.console(c, with.guard), Dev: a.Dev, TrustedProxies: adminProxies(c), Stopping: a.stopping, Logger: a.Logger,
		Tracer: a.tracer,
	})
	return public, admin
}

// finder opens the sources of people for a reload, which keeps what is remembered where nothing about a source changes.
func (a *App) finder() finder {
	logger := sparing(a.Logger)
	f := finder{observer: a.metrics, odd: func(field string) {
		logger.Warn("a user in CometChat has a field that cannot be used", "field", field)
	}}
	if current := a.live.Load(); current != nil {
		f.before = current.people
	}
	return f
}

func (a *App) generation() *engine.Generation { return a.live.Load().generation }

// Lookup implements dispatch.Directory with the directory in force.
func (a *App) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	contact, err := a.live.Load().people.chain.Lookup(ctx, uid)
	if errors.Is(err, directory.ErrUnknown) {
		return relay.Contact{}, dispatch.ErrUnknownPerson
	}
	return contact, err
}

// Reload builds rules, templates, directory, providers and credentials anew and swaps them in at once. On any error nothing
// changes, and the error says what is wrong.
func (a *App) Reload(ctx context.Context) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	c := a.Config
	if a.Settings != nil {
		var err error
		if c, err = a.Settings(); err != nil {
			return a.refused(ctx, fmt.Errorf("settings: %w", err))
		}
	}
	next, err := a.load(c) //nolint:contextcheck // handlers take the context of their request
	if err != nil {
		return a.refused(ctx, err)
	}
	keys := hashKeys(c)
	if err := a.recognises(ctx, keys); err != nil {
		return a.refused(ctx, err)
	}
	if err := a.keep(ctx, next.generation); err != nil {
		return a.refused(ctx, err)
	}
	a.keys.Store(&keys)
	if next.stamp == a.live.Load().stamp {
		a.Logger.InfoContext(ctx, "reload: nothing changed", "rules", next.generation.Hash)
	}
	a.refusal = ""
	a.refusals.Store(nil)
	a.inForce.Store(&view.Config{Hash: next.generation.Hash, LoadedAt: time.Now()})
	a.metrics.reloaded(next.generation, time.Now())
	if next.stamp != a.live.Load().stamp {
		a.live.Store(next)
		a.warn(ctx, next.warnings)
		a.Logger.InfoContext(ctx, "reloaded", "rules", next.generation.Hash)
	}
	a.dispatcher.Reopen() // what stopped a channel may be mended
	return nil
}

// warn tells what `check` would have told.
func (a *App) warn(ctx context.Context, findings []rules.Finding) {
	for _, f := range findings {
		a.Logger.WarnContext(ctx, "doubtful rules or templates", "finding", f.String())
	}
}

// refused tells of a fault once, not at every look at the files.
func (a *App) refused(ctx context.Context, err error) error {
	a.metrics.reloadFailed()
	found := findingsIn(err)
	a.refusals.Store(&found)
	standing := *a.inForce.Load()
	standing.Refused = err.Error()
	a.inForce.Store(&standing)
	if err.Error() != a.refusal {
		a.refusal = err.Error()
		a.Logger.ErrorContext(ctx, "reload refused; the old rules stay in force", "rules", a.generation().Hash, "error", err)
	}
	return err
}

// watch reloads when a file that matters changes.
func (a *App) watch(ctx context.Context) {
	paths := slices.Concat([]string{a.Config.Rules, a.Config.Templates}, a.Config.Directory.Files(), a.Config.SecretFiles)
	watch(ctx, paths, func() { _ = a.Reload(ctx) }) // refused() has told
}
