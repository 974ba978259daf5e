package app

import (
	"context"
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
func (a *App) linksFor(_ relay.Alert, event relay.Event, contact relay.Contact) render.Links {
	now := a.live.Load()
	links := now.mailLinks.of(contact)
	links.Attachments, links.Recording = now.media.of(event)
	return links
}

func (m mailLinks) of(contact relay.Contact) render.Links {
	if m.public == "" || m.signer == nil {
		return render.Links{}
	}
	token := m.signer.Unsubscribe(contact.Email)
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

// unsubscriber keeps that somebody who followed the link of a mail wants no more of them.
type unsubscriber struct {
	signer *links.Signer
	store  store.Store
	now    func() time.Time
}

// Whose implements server.Unsubscriber.
func (u *unsubscriber) Whose(token string) (string, error) {
	address, err := u.signer.Unsubscriber(token)
	if err != nil {
		return "", fmt.Errorf("%w: %w", server.ErrBadLink, err)
	}
	return address.String(), nil
}

// Unsubscribe implements server.Unsubscriber.
func (u *unsubscriber) Unsubscribe(ctx context.Context, token string) (string, error) {
	address, err := u.signer.Unsubscriber(token)
	if err != nil {
		return "", fmt.Errorf("%w: %w", server.ErrBadLink, err)
	}
	err = u.store.Suppress(ctx, relay.Suppression{
		Address: relay.NewAddress(relay.ChannelEmail, address.Reveal()), Reason: relay.ReasonOptedOut,
		Source: relay.SuppressedByLink, At: u.now(),
	})
	if err != nil {
		return "", fmt.Errorf("keep an unsubscription: %w", err)
	}
	return address.String(), nil
}
