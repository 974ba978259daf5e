package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "version", Short: "Print the version", Args: args(cobra.NoArgs), Example: "  beckon version --json",
		RunE: func(c *cobra.Command, _ []string) error {
			v := map[string]string{"version": version, "revision": revision(), "go": runtime.Version()}
			if asJSON {
				return printJSON(c.OutOrStdout(), v)
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "beckon %s (%s, %s)\n", version, orDash(v["revision"]), v["go"])
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// revision is the commit the binary was built from, where the linker or Go recorded it.
func revision() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

// healthTimeout bounds `healthcheck`, which runs where a hanging check is as bad as a failing one.
const healthTimeout = 3 * time.Second

func healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the relay on this machine whether it is ready",
		Long:  "Ask /readyz on the admin listener (BECKON_ADMIN_LISTEN) of the relay on this machine. For HEALTHCHECK in images without a shell.",
		Args:  args(cobra.NoArgs), Example: "  BECKON_ADMIN_LISTEN=:8081 beckon healthcheck",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := settings("BECKON_ADMIN_LISTEN")
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), healthTimeout)
			defer cancel()
			return healthcheck(ctx, c.OutOrStdout(), cfg.AdminListen)
		},
	}
}

// adminURL is where the admin listener of this machine is reached that is bound to the address.
func adminURL(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("BECKON_ADMIN_LISTEN: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

func healthcheck(ctx context.Context, w io.Writer, addr string) error {
	base, err := adminURL(addr)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is read after it
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 1<<12))
	_, _ = fmt.Fprintf(w, "%s\n", answer)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}
