package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the relay",
		Long: "Run the relay until SIGTERM or SIGINT. SIGHUP, a change of the files and POST /-/reload on the admin listener\n" +
			"load rules, templates, recipients and secrets anew.\n\nSettings, from the environment:\n\n" + config.Help(),
		Example: "  BECKON_WEBHOOK_USERS=cometchat:secret BECKON_PROVIDERS=outbox beckon serve",
		Args:    args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			logger, level := app.NewLogger(cfg, c.ErrOrStderr())
			for _, unknown := range config.Unknown(os.Environ()) {
				logger.WarnContext(c.Context(), "unknown setting", "problem", unknown)
			}
			if len(cfg.WebhookUsers) == 0 {
				return usageError{errors.New("BECKON_WEBHOOK_USERS is not set: nobody could post a webhook; " +
					"set it to user:password, as entered in CometChat's dashboard")}
			}
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP) // before anything else: by itself it would end the process
			a, err := app.New(c.Context(), app.Options{
				Config: cfg, Version: version, Revision: revision(), Logger: logger, Level: level, Settings: config.FromEnvironment,
			})
			if err != nil {
				return fmt.Errorf("cannot start:\n%w", err)
			}
			stop := reloadOn(c.Context(), hangups, a, logger)
			defer stop()
			return a.Run(c.Context())
		},
	}
}

// settings reads the environment, or only some of it; what is wrong with it is wrong usage.
func settings(only ...string) (config.Config, error) {
	cfg, err := config.FromEnvironment()
	if len(only) > 0 {
		cfg, err = config.OnlyFromEnvironment(only...)
	}
	if err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

// reloadOn reloads at each signal until the returned function is called.
func reloadOn(ctx context.Context, hangups chan os.Signal, a *app.App, logger *slog.Logger) func() {
	go func() {
		for range hangups {
			logger.InfoContext(ctx, "SIGHUP: reloading")
			_ = a.ReloadAtMachine(ctx) // it logs what is wrong
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}
