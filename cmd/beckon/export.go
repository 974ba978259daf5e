package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"

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

func (f *exportFlags) run(c *cobra.Command, uid string) error {
	if uid == "" {
		return usageError{errors.New("UID is empty")}
	}
	if f.out == "" {
		return f.export(c, uid, c.OutOrStdout())
	}
	return newFile(f.out, func(w io.Writer) error { return f.export(c, uid, w) })
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
