package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/privacy"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// underWayPatience is how long a forget waits for attempts under way: they have ten seconds, and their outcome is kept then.
	underWayPatience = 20 * time.Second
	// scrubbedAlone is how large a database file may be that is rewritten while a relay runs on it: that takes a few seconds, in
	// which webhooks wait. Of a larger one some would be refused.
	scrubbedAlone = 256 << 20
)

// hashKeys are those that recognise what is left of forgotten people.
func hashKeys(c config.Config) relay.HashKeys {
	secrets := make([]string, 0, len(c.SecretKeys))
	for _, key := range c.SecretKeys {
		secrets = append(secrets, key.Reveal())
	}
	return relay.NewHashKeys(secrets)
}

// recognises fails where somebody who said no, and was forgotten, would not be recognised: they would be written to.
func (a *App) recognises(ctx context.Context, keys relay.HashKeys) error {
	counts, err := a.store.HashedBy(ctx)
	if err != nil {
		return err
	}
	lost := 0
	var ids []string
	for id, n := range counts {
		if !slices.Contains(keys.IDs(), id) {
			lost += n
			ids = append(ids, id)
		}
	}
	if lost == 0 {
		return nil
	}
	slices.Sort(ids)
	return fmt.Errorf("BECKON_SECRET_KEY: %d suppressions of forgotten people were hashed by a key that is not in it any more "+
		"(its ID is %s), so they would be written to; put that key back, behind the one in use", lost, strings.Join(ids, ", "))
}

// records are what is kept of people; they serve the admin listener, and the commands where no relay runs.
type records struct {
	app *App
	// one forgets at a time.
	one sync.Mutex
}

// Forget implements server.People.
func (r *records) Forget(ctx context.Context, request server.ForgetRequest, progress func(string, int, int)) (server.ForgottenView, error) {
	if !r.one.TryLock() {
		return server.ForgottenView{}, &server.Refusal{
			Status: http.StatusConflict, Code: "busy", Message: "somebody is being forgotten just now; try again when that is done",
		}
	}
	defer r.one.Unlock()
	k := r.known()
	k.progress = progress
	return k.forget(ctx, request)
}

// Export implements server.People.
func (r *records) Export(ctx context.Context, request server.ExportRequest, w io.Writer) error {
	k := r.known()
	person, err := k.person(ctx, request.UID, request.Addresses)
	if err != nil {
		return err
	}
	err = r.app.store.Note(ctx, relay.Audit{At: time.Now(), Who: request.By, Action: "export", Subject: k.keys.Person(request.UID)})
	if err != nil {
		return err
	}
	return k.export(ctx, request.UID, person, w)
}

func (r *records) known() *archives {
	return &archives{
		store: r.app.store, keys: *r.app.keys.Load(), lookup: r.app.Lookup, rules: r.app.generation().Rules.Text(), running: true,
	}
}

// archives are what is needed to find what is kept of a person.
type archives struct {
	store store.Store
	keys  relay.HashKeys
	// lookup gives dispatch.ErrUnknownPerson for somebody whom no directory knows; nil without a directory.
	lookup func(ctx context.Context, uid string) (relay.Contact, error)
	// rules are those in force, as text.
	rules string
	// running says that a relay works on the database.
	running  bool
	progress func(what string, done, of int)
}

// person gathers all that somebody is known by.
func (k *archives) person(ctx context.Context, uid string, given []string) (*privacy.Person, error) {
	var addresses []relay.Address
	for _, text := range given {
		a, err := directory.ParseAddress("", text)
		if err != nil {
			return nil, &server.Refusal{Status: http.StatusBadRequest, Code: "bad_address", Message: "an address given: " + err.Error()}
		}
		addresses = append(addresses, a)
	}
	kept, err := k.store.AddressesOf(ctx, uid)
	if err != nil {
		return nil, err
	}
	addresses = append(addresses, kept...)
	if k.lookup == nil {
		return privacy.New(uid, addresses...), nil
	}
	contact, err := k.lookup(ctx, uid)
	switch {
	case err == nil:
		addresses = append(addresses, relay.NewAddress(relay.ChannelSMS, contact.Phone.Reveal()),
			relay.NewAddress(relay.ChannelEmail, contact.Email.Reveal()))
	case !errors.Is(err, dispatch.ErrUnknownPerson) && len(given) == 0:
		return nil, &server.Refusal{
			Status: http.StatusServiceUnavailable, Code: "directory_down", RetryAfter: time.Minute,
			Message: "the directory does not answer, so it is not known where the person is reached; try again, or name their addresses (--address)",
		}
	}
	return privacy.New(uid, addresses...), nil
}

func (k *archives) forget(ctx context.Context, request server.ForgetRequest) (server.ForgottenView, error) {
	view := server.ForgottenView{DryRun: request.DryRun}
	if k.keys.Empty() {
		return view, &server.Refusal{
			Status: http.StatusUnprocessableEntity, Code: "no_key",
			Message: "BECKON_SECRET_KEY is not set, which forgetting needs: whoever said no is remembered by a hash that is made with it",
		}
	}
	person, err := k.person(ctx, request.UID, request.Addresses)
	if err != nil {
		return view, err
	}
	view.Addresses = len(person.Addresses())
	gone, err := k.store.Forget(ctx, store.Forgetting{
		UID: request.UID, Person: person, Keys: k.keys, By: request.By, At: time.Now(), DryRun: request.DryRun,
		Patience: underWayPatience, Alone: !k.running && !k.store.Shared(), Progress: k.progress,
	})
	if errors.Is(err, store.ErrUnderWay) {
		return view, &server.Refusal{
			Status: http.StatusConflict, Code: "under_way",
			Message: "a message that concerns the person is being sent, and its outcome did not come; all else is gone. Try again in a minute",
		}
	}
	if err != nil {
		return view, err
	}
	view.Removed, view.Kept = viewOf(gone)
	if person.Text(k.rules) {
		view.Notes = append(view.Notes, "rules.yaml names the person: take them out, or they are told of what will come")
	}
	if request.DryRun {
		return view, nil
	}
	k.scrub(ctx, &view, request.Compact)
	return view, nil
}

func viewOf(f store.Forgotten) (server.RemovedView, server.RemainedView) {
	return server.RemovedView{
		Events: f.Events, Keys: f.Keys, Alerts: f.Alerts, Deliveries: f.Deliveries, Attempts: f.Attempts, Claims: f.Claims,
		Counters: f.Counters, Receipts: f.Receipts, Outbox: f.Outbox, Preferences: f.Preferences, Texts: f.Blanked,
	}, server.RemainedView{Suppressions: f.Suppressions, Audit: f.Audit, Again: f.Waiting}
}

// scrub makes sure that nothing can be read from the files any more, unless that kept webhooks waiting for too long. Where it cannot,
// the person is forgotten all the same, and a note says what is left to do.
func (k *archives) scrub(ctx context.Context, view *server.ForgottenView, anyhow bool) {
	note := func(format string, args ...any) { view.Notes = append(view.Notes, fmt.Sprintf(format, args...)) }
	if k.running && !anyhow && !k.store.Shared() {
		stats, err := k.store.Stats(ctx)
		if err == nil && stats.Bytes > scrubbedAlone {
			note("the database file has %d MiB and was not rewritten, since webhooks would be refused meanwhile: traces may be left in "+
				"it. Run forget again with --compact when that does no harm, or while the relay is stopped", stats.Bytes>>20)
			return
		}
	}
	if err := k.store.Scrub(ctx); err != nil {
		note("traces may be left in the database's files; run forget again when this is mended: %v", err)
		return
	}
	view.Scrubbed = !k.store.Shared()
	if k.store.Shared() {
		note("PostgreSQL keeps deleted rows in its pages until they are overwritten, and in its WAL: docs/privacy.md says what is left to do")
	}
}
