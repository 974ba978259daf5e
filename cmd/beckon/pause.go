package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
)

// switchFlags are what `pause` and `resume` have in common.
type switchFlags struct {
	channel, rule, server string
	asJSON                bool
}

func (f *switchFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.channel, "channel", "", "only this channel: sms or email")
	c.Flags().StringVar(&f.rule, "rule", "", "only this rule")
	c.Flags().StringVar(&f.server, "server", "", "address of the relay's admin listener (default: BECKON_ADMIN_LISTEN on this machine)")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

const switchHelp = `

It asks the relay that runs, on its admin listener; off loopback with the operator in BECKON_OPERATOR (name:secret). It is kept in the
database, obeyed by all replicas, and stands in the audit.`

func pauseCommand() *cobra.Command {
	var f switchFlags
	var list, history bool
	c := &cobra.Command{
		Use:   "pause",
		Short: "Hold all messages, or those of a channel or a rule, until `resume`",
		Long: "Hold all messages, or those of a channel or a rule, until `beckon resume`. Events are taken in as before; alerts that fall due\n" +
			"are held with the Reason paused, and end as expired where the pause outlasts them." + switchHelp,
		Args:    args(cobra.NoArgs),
		Example: "  beckon pause\n  beckon pause --channel sms\n  beckon pause --rule missed-call --channel sms\n  beckon pause --list\n  beckon pause --history",
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case list:
				return listPauses(c, f)
			case history:
				return showAudit(c, f)
			}
			var answer server.PausedView
			if err := f.post(c, "/-/pause", &answer); err != nil || f.asJSON {
				return err
			}
			if answer.Already {
				_, _ = fmt.Fprintf(c.OutOrStdout(), "%s was paused already, by %s since %s\n", pausedSubject(answer.PauseView), answer.By,
					answer.At.UTC().Format(time.RFC3339))
				return nil
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "paused: %s\n", pausedSubject(answer.PauseView))
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&list, "list", false, "show what is paused")
	c.Flags().BoolVar(&history, "history", false, "show who paused and resumed what, newest first")
	return c
}

func resumeCommand() *cobra.Command {
	var f switchFlags
	c := &cobra.Command{
		Use:   "resume",
		Short: "End a pause, or all of them",
		Long: "End a pause, named as it was made, or all of them. What was held for it is looked at again at once, and goes out if it is\n" +
			"still true." + switchHelp,
		Args: args(cobra.NoArgs), Example: "  beckon resume\n  beckon resume --channel sms",
		RunE: func(c *cobra.Command, _ []string) error {
			var answer server.ResumedView
			if err := f.post(c, "/-/resume", &answer); err != nil || f.asJSON {
				return err
			}
			ended := make([]string, 0, len(answer.Ended))
			for _, p := range answer.Ended {
				ended = append(ended, pausedSubject(p))
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "resumed: %s; alerts and deliveries looked at again: %d\n", strings.Join(ended, ", "),
				answer.Woken)
			return nil
		},
	}
	f.add(c)
	return c
}

func (f switchFlags) post(c *cobra.Command, path string, into any) error {
	body, err := json.Marshal(server.PauseView{Channel: relay.Channel(f.channel), Rule: f.rule})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return f.ask(c, http.MethodPost, path, body, into)
}

func listPauses(c *cobra.Command, f switchFlags) error {
	var answer server.PausesView
	if err := f.ask(c, http.MethodGet, "/-/pauses", nil, &answer); err != nil || f.asJSON {
		return err
	}
	if len(answer.Pauses) == 0 {
		_, _ = fmt.Fprintln(c.OutOrStdout(), "nothing is paused")
		return nil
	}
	return table(c.OutOrStdout(), "PAUSED\tBY\tSINCE", func(row func(string, ...any)) {
		for _, p := range answer.Pauses {
			row("%s\t%s\t%s", pausedSubject(p), p.By, p.At.UTC().Format(time.RFC3339))
		}
	})
}

func showAudit(c *cobra.Command, f switchFlags) error {
	var answer server.AuditsView
	if err := f.ask(c, http.MethodGet, "/-/audit", nil, &answer); err != nil || f.asJSON {
		return err
	}
	return table(c.OutOrStdout(), "AT\tWHO\tDID\tTO", func(row func(string, ...any)) {
		for _, a := range answer.Audit {
			row("%s\t%s\t%s\t%s", a.At.UTC().Format(time.RFC3339), a.Who, a.Action, a.Subject)
		}
	})
}

func pausedSubject(p server.PauseView) string { return relay.Pause(p).Subject() }

// address is where the relay is asked.
func (f switchFlags) address(cfg config.Config) (string, error) {
	if f.server == "" {
		return adminURL(cfg.AdminListen)
	}
	u, err := url.Parse(f.server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", usageError{errors.New("--server is not an address such as http://127.0.0.1:8081")}
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", usageError{errors.New("--server: a port is a number from 1 to 65535")}
		}
	}
	return strings.TrimRight(f.server, "/"), nil
}

// ask sends a request to the relay that runs; with --json its answer is printed as it is.
func (f switchFlags) ask(c *cobra.Command, method, path string, body []byte, into any) error {
	cfg, err := settings("BECKON_ADMIN_LISTEN", "BECKON_OPERATOR")
	if err != nil {
		return err
	}
	if err := oneOf("--channel", f.channel, relay.Channels()); err != nil {
		return err
	}
	base, err := f.address(cfg)
	if err != nil {
		return err
	}
	answer, err := askAdmin(c.Context(), cfg, method, base+path, body)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nobody listens at %s; is a relay running there? (BECKON_ADMIN_LISTEN, --server)", base)
	}
	if err != nil {
		return fmt.Errorf("ask the relay at %s: %w", base, err)
	}
	if f.asJSON {
		_, err = c.OutOrStdout().Write(append(bytes.TrimSpace(answer), '\n'))
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("the answer of %s is not one of a relay: %w", base, err)
	}
	return nil
}

const (
	// askTimeout is long enough for a resume that wakes up a hundred thousand alerts.
	askTimeout = 2 * time.Minute
	maxAnswer  = 1 << 20
)

// askAdmin makes a request to an admin listener. What it refuses is the error, in its own words.
func askAdmin(ctx context.Context, cfg config.Config, method, address string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := openAdmin(ctx, cfg, adminRequest{method: method, address: address, body: body})
	if err != nil {
		return nil, err
	}
	defer answer.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(answer, maxAnswer))
}

// adminRequest is what an admin listener is asked for.
type adminRequest struct {
	method, address string
	body            []byte
	header          http.Header
}

// openAdmin is askAdmin for an answer that is read by and by. It has to be closed.
func openAdmin(ctx context.Context, cfg config.Config, asked adminRequest) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, asked.method, asked.address, bytes.NewReader(asked.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, asked.header)
	request.Header.Set("Content-Type", "application/json")
	if cfg.Operator.User != "" {
		request.SetBasicAuth(cfg.Operator.User, cfg.Operator.Password.Reveal())
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	var refused struct {
		Error struct{ Message string }
	}
	if json.Unmarshal(answer, &refused) != nil || refused.Error.Message == "" {
		return nil, fmt.Errorf("it answered %s; is it the admin listener?", response.Status)
	}
	if response.StatusCode == http.StatusUnauthorized {
		return nil, errors.New("it asks for an operator: set BECKON_OPERATOR to name:secret")
	}
	return nil, errors.New(refused.Error.Message)
}
