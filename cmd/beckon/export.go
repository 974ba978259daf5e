package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/server"
)

type exportFlags struct {
	personFlags

	out string
}

func exportCommand() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export UID",
		Short: "Give what is kept on a person, as JSON",
		Long: `Give everything that is kept on a person as one JSON document: events that name them, alerts with how they were decided, messages with
texts and, where they are theirs, addresses in clear, suppressions, preferences, and what operators did with them. The addresses of
others stay masked. That it was asked for is kept in the audit, but not where the database is read directly.` + personHelp,
		Args:    oneArg("UID"),
		Example: "  beckon export cometchat-uid-7 --out uid-7.json",
		RunE:    func(c *cobra.Command, given []string) error { return f.run(c, given[0]) },
	}
	f.add(c)
	c.Flags().StringVar(&f.out, "out", "", "write to this new file, which only you can read (default: standard output)")
	return c
}

func (f *exportFlags) run(c *cobra.Command, uid string) (err error) {
	if uid == "" {
		return usageError{errors.New("UID is empty")}
	}
	if f.out == "" {
		return f.export(c, uid, c.OutOrStdout())
	}
	// What is there stays, and a document that is not whole never has the name.
	if _, err := os.Lstat(f.out); err == nil {
		return usageError{fmt.Errorf("--out: %s is there already; name a new file", f.out)}
	}
	file, err := os.CreateTemp(filepath.Dir(f.out), ".beckon-export-") // 0600
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err = errors.Join(f.export(c, uid, file), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), f.out)
}

func (f *exportFlags) export(c *cobra.Command, uid string, w io.Writer) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	answer, running, err := f.openRelay(c.Context(), cfg, adminRequest{
		method: http.MethodGet, path: personPath(uid), header: http.Header{server.AddressHeader: f.addresses},
	})
	if err != nil {
		return err
	}
	if !running {
		return alone(app.Export(c.Context(), cfg, server.ExportRequest{UID: uid, Addresses: f.addresses}, w))
	}
	defer answer.Close() //nolint:errcheck // it was only read
	if _, err = io.Copy(w, answer); err != nil {
		return fmt.Errorf("the relay's answer broke off: %w", err)
	}
	return nil
}
