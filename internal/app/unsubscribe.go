package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/links"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// mailLinks makes the links that mails offer, and verifies those that are followed. Without keys it does neither.
type mailLinks struct {
	// public is where we are seen from outside, without a slash at its end; without it no mail has a link.
	public string
	signer *links.Signer
}

func newMailLinks(c config.Config) (mailLinks, error) {
	m := mailLinks{public: text(c.PublicURL)}
	if len(c.SecretKeys) == 0 {
		return m, nil
	}
	keys := make([]string, 0, len(c.SecretKeys))
	for _, key := range c.SecretKeys {
		keys = append(keys, key.Reveal())
	}
	var err error
	if m.signer, err = links.New(keys); err != nil {
		return m, fmt.Errorf("BECKON_SECRET_KEY: %w", err)
	}
	return m, nil
}

// linksFor gives the links of the settings in force for dispatch.Options.
func (a *App) linksFor(alert relay.Alert, event relay.Event, contact relay.Contact) render.Links {
	now := a.live.Load()
	links := now.mailLinks.of(alert.Rule, contact)
	links.Attachments, links.Recording = now.media.of(event)
	return links
}

func (m mailLinks) of(rule string, contact relay.Contact) render.Links {
	if m.public == "" || m.signer == nil {
		return render.Links{}
	}
	token := m.signer.Unsubscribe(links.Subscription{
		Address: contact.Email, UID: contact.UID, Rule: rule, Locale: contact.Locale,
	})
	if token == "" {
		return render.Links{}
	}
	return render.Links{Unsubscribe: m.public + "/u/" + token}
}

// unsubscriber is nil without keys.
func (m mailLinks) unsubscriber(kept store.Store) server.Unsubscriber {
	if m.signer == nil {
		return nil
	}
	return &unsubscriber{signer: m.signer, store: kept, now: time.Now}
}

// unsubscriber keeps what somebody who followed the link of a mail wants from now on.
type unsubscriber struct {
	signer *links.Signer
	store  store.Store
	now    func() time.Time
}

// Standing implements server.Unsubscriber.
func (u *unsubscriber) Standing(ctx context.Context, token string) (server.Standing, error) {
	of, err := u.opened(token)
	if err != nil {
		return server.Standing{}, err
	}
	return u.standing(ctx, of)
}

// Change implements server.Unsubscriber.
func (u *unsubscriber) Change(ctx context.Context, token string, wish server.Wish) (server.Standing, error) {
	of, err := u.opened(token)
	if err != nil {
		return server.Standing{}, err
	}
	switch wish {
	case server.WishNoMail:
		err = u.stop(ctx, of)
	case server.WishNoKind:
		err = u.mute(ctx, of, "mute", relay.Preferences.MuteRule)
	case server.WishResume:
		if err = u.resume(ctx, of); err == nil {
			err = u.mute(ctx, of, "unmute", relay.Preferences.UnmuteRule)
		}
	}
	if err != nil {
		return server.Standing{}, fmt.Errorf("keep what a recipient wants: %w", err)
	}
	return u.standing(ctx, of)
}

func (u *unsubscriber) opened(token string) (links.Subscription, error) {
	of, err := u.signer.Subscription(token)
	if err != nil {
		return of, fmt.Errorf("%w: %w", server.ErrBadLink, err)
	}
	return of, nil
}

// standing reads how things are now.
func (u *unsubscriber) standing(ctx context.Context, of links.Subscription) (server.Standing, error) {
	s := server.Standing{Address: of.Address.String(), Locale: of.Locale, Mail: server.MailOn, Kind: server.KindNone}
	found, err := u.store.Suppressions(ctx, store.SuppressionFilter{Address: mailbox(of)})
	if err != nil {
		return s, err
	}
	for _, f := range found {
		s.Mail = server.MailBlocked
		if f.Reason == relay.ReasonOptedOut && f.Source == relay.SuppressedByLink {
			s.Mail = server.MailOff
		}
	}
	if of.UID == "" {
		return s, nil
	}
	kept, err := u.store.Preferences(ctx, of.UID)
	if err != nil {
		return s, err
	}
	s.Kind = server.KindOn
	if kept.MutesRule(of.Rule) {
		s.Kind = server.KindOff
	}
	return s, nil
}

func mailbox(of links.Subscription) relay.Address {
	return relay.NewAddress(relay.ChannelEmail, of.Address.Reveal())
}

func (u *unsubscriber) audit(action, subject string) relay.Audit {
	return relay.Audit{At: u.now(), Who: relay.ByRecipient, Action: action, Subject: subject}
}

func (u *unsubscriber) stop(ctx context.Context, of links.Subscription) error {
	_, err := u.store.SuppressAll(ctx, []relay.Suppression{{
		Address: mailbox(of), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByLink, At: u.now(),
	}}, u.audit("suppress", suppressionSubject(mailbox(of), relay.ReasonOptedOut)))
	return err
}

// mute changes whether the rule of the mail is muted. There is nothing to do where the link knows no rule, or it is so already.
func (u *unsubscriber) mute(ctx context.Context, of links.Subscription, action string,
	change func(relay.Preferences, string) relay.Preferences,
) error {
	if of.UID == "" {
		return nil
	}
	kept, err := u.store.Preferences(ctx, of.UID)
	if err != nil {
		return err
	}
	if kept.MutesRule(of.Rule) == (action == "mute") {
		return nil
	}
	_, err = u.store.ChangePreferences(ctx, of.UID, u.audit(action, "rule "+of.Rule+" for "+of.UID),
		func(p relay.Preferences) (relay.Preferences, error) { return change(p, of.Rule), nil })
	return err
}

// resume takes back what the link has said, and nothing else: not what a provider found out, or an operator noted.
func (u *unsubscriber) resume(ctx context.Context, of links.Subscription) error {
	_, err := u.store.Lift(ctx, store.Lift{
		Address: mailbox(of), Reasons: []relay.Reason{relay.ReasonOptedOut}, Sources: []relay.SuppressionSource{relay.SuppressedByLink},
	}, u.audit("lift", suppressionSubject(mailbox(of), relay.ReasonOptedOut)))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// suppressionSubject is a suppression as the audit has it, where no address stands in clear.
func suppressionSubject(address relay.Address, reason relay.Reason) string {
	return fmt.Sprintf("%s %s (%s)", address.Channel(), address, reason)
}
