package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// Forget forgets a person in the database of the settings, where no relay can be asked to. A SQLite database must not be open
// elsewhere, but for a dry run. What it refuses is a *server.Refusal.
func Forget(ctx context.Context, c config.Config, request server.ForgetRequest, progress func(what string, done, of int)) (view server.ForgottenView, err error) {
	if err = exists(c); err != nil {
		return view, err
	}
	var kept store.Store
	if request.DryRun {
		kept, err = OpenReadOnly(ctx, c)
	} else {
		kept, _, err = openDatabase(ctx, c, database{logger: slog.New(slog.DiscardHandler), keys: func() relay.HashKeys { return hashKeys(c) }})
	}
	if err != nil {
		return view, fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = closing(err, kept) }()
	k, err := alone(c, kept)
	if err != nil {
		return view, err
	}
	k.progress = progress
	return k.forget(ctx, request)
}

// Export writes what is kept of a person in the database of the settings, also beside a relay that runs on it.
func Export(ctx context.Context, c config.Config, request server.ExportRequest, w io.Writer) (err error) {
	kept, err := OpenReadOnly(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = closing(err, kept) }()
	k, err := alone(c, kept)
	if err != nil {
		return err
	}
	person, err := k.person(ctx, request.UID, request.Addresses)
	if err != nil {
		return err
	}
	return k.export(ctx, request.UID, person, w)
}

// exists keeps a slip in the settings from making a new database, in which nobody is found.
func exists(c config.Config) error {
	if c.DatabaseFile == "" {
		return nil
	}
	if _, err := os.Stat(c.DatabaseFile); err != nil {
		return fmt.Errorf("there is no database %s (BECKON_DATABASE_URL)", c.DatabaseFile)
	}
	return nil
}

// alone is what is known without a relay.
func alone(c config.Config, kept store.Store) (*archives, error) {
	k := &archives{store: kept, keys: hashKeys(c)}
	if text, err := os.ReadFile(c.Rules); err == nil {
		k.rules = string(text)
	}
	opened, err := finder{observer: nobody{}, odd: func(string) {}}.open(c)
	if err != nil {
		return nil, fmt.Errorf("read the recipients: %w", err)
	}
	if len(opened.chain) == 0 {
		return k, nil
	}
	k.lookup = func(ctx context.Context, uid string) (relay.Contact, error) {
		contact, err := opened.chain.Lookup(ctx, uid)
		if errors.Is(err, directory.ErrUnknown) {
			err = dispatch.ErrUnknownPerson
		}
		return contact, err
	}
	return k, nil
}
