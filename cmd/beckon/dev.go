package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
)

// Credentials of `beckon dev`, which listens on loopback only.
const (
	devUser     = "beckon"
	devPassword = "dev"
)

type devFlags struct {
	dir        string
	wait       time.Duration
	demo, exit bool
}

func devCommand() *cobra.Command {
	var f devFlags
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run the relay with nothing set up: no accounts, nothing is sent",
		Long: `Run the relay on loopback with an embedded database, the rules and templates at hand, an outbox in place of Twilio and
SendGrid, and the people of CometChat's sample app. Waits are cut to --wait and quiet hours are off, so that one sees
what happens while one looks.`,
		Example: "  beckon dev --demo\n  beckon dev --dir ./try --wait 60s",
		Args:    args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return dev(c, f) },
	}
	c.Flags().StringVar(&f.dir, "dir", "", "folder for the database and recipients.yaml (default: a temporary one, removed at the end)")
	c.Flags().DurationVar(&f.wait, "wait", 4*time.Second, "the longest wait of any rule; 0 keeps the rules' own, and their quiet hours")
	c.Flags().BoolVar(&f.demo, "demo", false, "play a minute of a chat app's life through it and show what came of it")
	c.Flags().BoolVar(&f.exit, "exit", false, "with --demo: end after it, with 0 only if it went as promised")
	return c
}

func dev(c *cobra.Command, f devFlags) error {
	if f.exit && !f.demo {
		return usageError{errors.New("--exit goes with --demo")}
	}
	cfg, err := settings()
	if err != nil {
		return err
	}
	dir, cleanup, err := devFolder(f.dir)
	if err != nil {
		return err
	}
	defer cleanup()
	if err := devSettings(&cfg, dir); err != nil {
		return err
	}
	logger, level := app.NewLogger(cfg, c.ErrOrStderr())
	a, err := app.New(c.Context(), app.Options{
		Config: cfg, Version: version, Revision: revision(), Logger: logger, Level: level, HurryTo: f.wait, Dev: true,
	})
	if err != nil {
		return fmt.Errorf("cannot start:\n%w", err)
	}
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	var played error
	if f.demo {
		played = (&app.Demo{App: a, User: devUser, Password: devPassword, Out: c.OutOrStdout()}).Play(ctx)
	}
	if f.exit || played != nil {
		stop()
		if err := <-ran; err != nil {
			return err
		}
		return played
	}
	devHints(c, a, cfg)
	return <-ran
}

// devFolder makes the folder that everything is kept in.
func devFolder(dir string) (string, func(), error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return "", nil, fmt.Errorf("make the folder: %w", err)
		}
		return dir, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "beckon-dev-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// devSettings changes what the environment says to what `dev` is for. Nothing may leave this machine.
func devSettings(cfg *config.Config, dir string) error {
	cfg.DatabaseFile, cfg.DatabaseURL = filepath.Join(dir, "beckon.db"), ""
	cfg.Providers = config.ProvidersOutbox
	cfg.WebhookUsers = []config.WebhookUser{{User: devUser, Password: devPassword}}
	cfg.Listen, cfg.AdminListen = freePort("127.0.0.1:8080"), freePort("127.0.0.1:8081")
	cfg.TLSCertFile, cfg.TLSKeyFile = "", ""
	cfg.CometChat.AppID, cfg.CometChat.APIKey = "", ""
	cfg.LogFormat = config.LogText
	if cfg.LogLevel == slog.LevelInfo {
		cfg.LogLevel = slog.LevelWarn // what happens is printed in other words
	}
	cfg.Directory.Sources = slices.DeleteFunc(cfg.Directory.Sources, func(s config.DirectorySource) bool {
		return s.Kind != config.DirectoryFile // it would be told who is looked up
	})
	if len(cfg.Directory.Sources) > 0 {
		return nil
	}
	people := filepath.Join(dir, "recipients.yaml")
	cfg.Directory.Sources = []config.DirectorySource{{Kind: config.DirectoryFile, Address: people}}
	if _, err := os.Stat(people); err == nil {
		return nil
	}
	if err := os.WriteFile(people, app.DemoRecipients, 0o600); err != nil {
		return fmt.Errorf("write the demo's people: %w", err)
	}
	return nil
}

// freePort gives the address if it is free, else any free port on loopback.
func freePort(addr string) string {
	l, err := net.Listen("tcp", addr) //nolint:noctx // bound and let go at once
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return addr
}

func devHints(c *cobra.Command, a *app.App, cfg config.Config) {
	_, _ = fmt.Fprintf(c.OutOrStdout(), `
Beckon runs; nothing leaves this machine. Ctrl-C ends it.

Post a webhook:
  curl -u %s:%s -H 'Content-Type: application/json' --data @event.json http://%s/webhooks/cometchat
See what became of it:
  http://%s/console/
or in another shell:
  BECKON_DATABASE_URL=sqlite:%s go run ./cmd/beckon deliveries list
Metrics and probes:
  http://%s/metrics  /livez  /readyz
Rules: %s, templates: %s, people: %s (all are loaded anew when they change)
`, devUser, devPassword, a.PublicAddr(), a.AdminAddr(), cfg.DatabaseFile, a.AdminAddr(), cfg.Rules, cfg.Templates,
		strings.Join(cfg.Directory.Files(), ", "))
}
