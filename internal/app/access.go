package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
)

// guard knows who may use the admin listener. Whoever configured somebody means it on loopback, too: a proxy on this machine brings
// in others.
func (a *App) guard(c config.Config) (*access.Guard, error) {
	o := access.Options{
		Proxy:          access.Proxy{Header: c.ConsoleProxy.Header, Networks: c.ConsoleProxy.Networks, Operators: c.ConsoleProxy.Operators},
		TrustedProxies: c.TrustedProxies, Open: c.AdminOnLoopback() && !c.ConsoleConfigured(), Lasting: a.lasting, Logger: a.Logger,
	}
	for _, u := range c.ConsoleUsers {
		o.Operators = append(o.Operators, access.Operator{Name: u.Name, Secret: u.Secret.Reveal(), Viewer: u.Viewer})
	}
	for _, t := range c.ConsoleTokens {
		o.Tokens = append(o.Tokens, access.Token{Name: t.Name, SHA256: t.Hash.Reveal(), Viewer: t.Viewer})
	}
	for _, key := range c.SecretKeys {
		o.Keys = append(o.Keys, key.Reveal())
	}
	return access.New(o)
}

// adminProxies are the networks whose X-Forwarded-For is believed on the admin listener.
func adminProxies(c config.Config) []netip.Prefix {
	return slices.Concat(c.TrustedProxies, c.ConsoleProxy.Networks)
}

// secretsOf is a hash of every secret that a reload may have rotated, and of who may do what.
func secretsOf(c config.Config) string {
	var parts []string
	put := func(more ...string) { parts = append(parts, more...) }
	for _, u := range c.WebhookUsers {
		put(u.User, u.Password.Reveal())
	}
	for _, u := range c.ConsoleUsers {
		put(u.Name, u.Secret.Reveal(), strconv.FormatBool(u.Viewer))
	}
	for _, t := range c.ConsoleTokens {
		put("token", t.Name, t.Hash.Reveal(), strconv.FormatBool(t.Viewer))
	}
	put("proxy", c.ConsoleProxy.Header)
	for _, network := range c.ConsoleProxy.Networks {
		put(network.String())
	}
	put(c.ConsoleProxy.Operators...)
	for _, key := range c.SecretKeys {
		put(key.Reveal())
	}
	for _, token := range c.Twilio.AuthTokens {
		put(token.Reveal())
	}
	put(c.SendGrid.EventPublicKeys...)
	put(c.Twilio.APIKey, c.Twilio.APISecret.Reveal(), c.SendGrid.APIKey.Reveal())
	put(c.CometChat.APIKey.Reveal(), strconv.Itoa(c.GroupCap), c.Directory.Token.Reveal(), c.Directory.User.User, c.Directory.User.Password.Reveal())
	return settingsHash(parts...)
}

// note keeps what an operator did, who is in the context.
func (a *App) note(ctx context.Context, action, subject string) error {
	person, ok := access.PersonFrom(ctx)
	if !ok {
		return errors.New("nobody is known who did it")
	}
	return a.store.Note(ctx, relay.Audit{At: time.Now(), Who: person.Name, Action: action, Subject: subject})
}

// reloadByHand is Reload when somebody asked for it. It is kept how it went, since a reload that is refused tells as well who tried what.
func (a *App) reloadByHand(ctx context.Context) error {
	err := a.Reload(ctx)
	subject := "rules " + short(a.generation().Hash)
	if err != nil {
		subject = "refused"
	}
	noted := a.note(ctx, "reload", subject)
	if noted == nil {
		return err
	}
	a.Logger.ErrorContext(ctx, "it was not kept who reloaded", "error", noted)
	if err != nil {
		return err
	}
	return &server.Refusal{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable", Message: "it was reloaded, but it could not be kept by whom; try again",
	}
}

// ReloadAtMachine is Reload when somebody asked for it who is at the machine itself, by a signal.
func (a *App) ReloadAtMachine(ctx context.Context) error {
	return a.reloadByHand(access.WithPerson(ctx, access.Person{Name: access.Local}))
}

// short is the beginning of a hash, which is enough to tell it from others.
func short(hash string) string { return hash[:min(12, len(hash))] }

// logLevel is nil where the level cannot be changed.
func (a *App) logLevel() server.Level {
	if a.Level == nil {
		return nil
	}
	return level{a}
}

// level is how much is logged by this process.
type level struct{ app *App }

// Level implements server.Level.
func (l level) Level() slog.Level { return l.app.Level.Level() }

// SetLevel implements server.Level.
func (l level) SetLevel(ctx context.Context, to slog.Level) error {
	if err := l.app.note(ctx, "log level", to.String()); err != nil {
		return err
	}
	l.app.Level.Set(to)
	return nil
}
