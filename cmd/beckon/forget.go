package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/server"
)

// personFlags are what `forget` and `export` have in common.
type personFlags struct {
	relayFlags

	addresses []string
}

func (f *personFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.addresses, "address", nil, "a number or mail address that is theirs, beside those that are known; may be repeated")
	f.addServer(c)
}

// load reads the settings that finding a person takes.
func (f *personFlags) load() (config.Config, error) {
	return settings(append(slices.Concat(config.DirectorySettings(), config.ConsoleSettings()), "BECKON_DATABASE_URL", "BECKON_SECRET_KEY",
		"BECKON_RULES")...)
}

// openRelay asks the relay that runs. With nobody there the database is to be opened by ourselves, unless a relay was named.
func (f *personFlags) openRelay(ctx context.Context, cfg config.Config, asked adminRequest) (answer io.ReadCloser, running bool, err error) {
	answer, err = f.open(ctx, cfg, asked)
	if errors.Is(err, errNobody) && f.server == "" {
		return nil, false, nil
	}
	return answer, true, err
}

// alone says what to do where the database cannot be opened because a relay has it.
func alone(err error) error {
	if refusal, ok := errors.AsType[*server.Refusal](err); ok {
		return errors.New(refusal.Message)
	}
	if err != nil && strings.Contains(err.Error(), "another process has it open") {
		return fmt.Errorf("%w, or name its admin listener with --server", err)
	}
	return err
}

func personPath(uid string) string { return "/console/api/people/" + url.PathEscape(uid) }

const personHelp = `

It asks the relay that runs, on its admin listener; where that asks who it is, as BECKON_OPERATOR (name:secret) or BECKON_TOKEN. Where none runs on
this machine it opens the database of BECKON_DATABASE_URL itself.`

type forgetFlags struct {
	personFlags

	dryRun, yes, compact bool
}

func forgetCommand() *cobra.Command {
	var f forgetFlags
	c := &cobra.Command{
		Use:   "forget UID",
		Short: "Remove a person from everything that is kept",
		Long: `Remove a person from everything that is kept, and say what was removed: every event whose JSON names their uid, number or mail address
goes, with its alerts (also those for others), deliveries, attempts and receipts, and so do all alerts and messages to them. Their
addresses are those of the directory, of kept messages, and of --address.

What stays: that an address must not be written to, as a hash by BECKON_SECRET_KEY, which is needed; and in the audit who forgot whom, the
latter as a hash, too. The SQLite file is rewritten, so that nothing can be read from it. Delete the user in the chat app and the directory
first: what comes in afterwards is kept anew. A second run completes one that was interrupted. See docs/privacy.md for what nobody but you
can remove: backups, logs of others, and what the providers keep.` + personHelp,
		Args:    oneArg("UID"),
		Example: "  beckon forget cometchat-uid-7 --dry-run\n  beckon forget cometchat-uid-7 --address +14155550123 --yes --json",
		RunE:    func(c *cobra.Command, given []string) error { return f.run(c, given[0]) },
	}
	f.add(c)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "count what would be removed, and remove nothing")
	addYes(c, &f.yes)
	c.Flags().BoolVar(&f.compact, "compact", false, "rewrite a large SQLite file, too, although webhooks may be refused meanwhile")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return c
}

func (f *forgetFlags) run(c *cobra.Command, uid string) error {
	if uid == "" {
		return usageError{errors.New("UID is empty")}
	}
	cfg, err := f.load()
	if err != nil {
		return err
	}
	if !f.dryRun && !f.yes {
		if err := f.preview(c, cfg, uid); err != nil {
			return err
		}
	}
	view, err := f.forget(c, cfg, server.ForgetRequest{UID: uid, Addresses: f.addresses, DryRun: f.dryRun, Compact: f.compact})
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), view)
	}
	return printForgotten(c, view)
}

// preview shows what would go, and asks.
func (f *forgetFlags) preview(c *cobra.Command, cfg config.Config, uid string) error {
	if err := askable(c); err != nil {
		return err
	}
	view, err := f.forget(c, cfg, server.ForgetRequest{UID: uid, Addresses: f.addresses, DryRun: true})
	if err != nil {
		return err
	}
	if err := printForgotten(c, view); err != nil {
		return err
	}
	return confirm(c, "Remove this for good?", false)
}

func (f *forgetFlags) forget(c *cobra.Command, cfg config.Config, request server.ForgetRequest) (server.ForgottenView, error) {
	bar := newMeter(c.ErrOrStderr())
	defer bar.clear()
	body, err := json.Marshal(request)
	if err != nil {
		return server.ForgottenView{}, fmt.Errorf("encode: %w", err)
	}
	answer, running, err := f.openRelay(c.Context(), cfg, adminRequest{
		method: http.MethodPost, path: personPath(request.UID) + "/forget", body: body,
	})
	if err != nil {
		return server.ForgottenView{}, err
	}
	if !running {
		request.By = "local"
		view, err := app.Forget(c.Context(), cfg, request, bar.tell)
		return view, alone(err)
	}
	defer answer.Close() //nolint:errcheck // it was only read
	return readForgotten(answer, bar.tell)
}

// readForgotten reads lines of progress, and then what came of it.
func readForgotten(answer io.Reader, progress func(what string, done, of int)) (server.ForgottenView, error) {
	decoder := json.NewDecoder(answer)
	for {
		var line server.ForgetLine
		if err := decoder.Decode(&line); err != nil {
			return server.ForgottenView{}, fmt.Errorf("the relay's answer broke off; run it again, which completes it: %w", err)
		}
		switch {
		case line.Error != nil:
			return server.ForgottenView{}, errors.New(line.Error.Message)
		case line.Forgotten != nil:
			return *line.Forgotten, nil
		case line.Progress != nil:
			progress(line.Progress.What, line.Progress.Done, line.Progress.Of)
		}
	}
}

func printForgotten(c *cobra.Command, view server.ForgottenView) error {
	head := "removed"
	if view.DryRun {
		head = "would be removed"
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "%s:\n", head)
	for _, row := range []struct {
		what string
		n    int
	}{
		{"events", view.Removed.Events},
		{"keys of events", view.Removed.Keys},
		{"alerts", view.Removed.Alerts},
		{"deliveries", view.Removed.Deliveries},
		{"attempts", view.Removed.Attempts},
		{"collapse keys", view.Removed.Claims},
		{"counts against limits", view.Removed.Counters},
		{"receipts", view.Removed.Receipts},
		{"messages in the sandbox", view.Removed.Outbox},
		{"preferences", view.Removed.Preferences},
		{"texts of messages to others", view.Removed.Texts},
	} {
		_, _ = fmt.Fprintf(t, "  %s\t%d\n", row.what, row.n)
	}
	_, _ = fmt.Fprintf(t, "kept without naming them:\n  suppressions, hashed\t%d\n  entries of the audit\t%d\n", view.Kept.Suppressions, view.Kept.Audit)
	if view.Kept.Again > 0 {
		_, _ = fmt.Fprintf(t, "alerts of others that are decided anew:\t%d\n", view.Kept.Again)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "known by the uid and %d address(es)\n", view.Addresses)
	for _, note := range view.Notes {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "note: %s\n", note)
	}
	return nil
}
