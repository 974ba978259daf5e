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
)

// relayFlags are what all commands have in common that ask a running relay.
type relayFlags struct {
	server string
	asJSON bool
}

func (f *relayFlags) add(c *cobra.Command) {
	f.addServer(c)
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

func (f *relayFlags) addServer(c *cobra.Command) {
	c.Flags().StringVar(&f.server, "server", "", "address of the relay's admin listener (default: BECKON_ADMIN_LISTEN on this machine)")
}

// address is where the relay is asked.
func (f relayFlags) address(cfg config.Config) (string, error) {
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
func (f relayFlags) ask(c *cobra.Command, method, path string, body []byte, into any) error {
	answer, err := f.fetch(c, method, path, body)
	if err != nil {
		return err
	}
	if f.asJSON {
		_, err = c.OutOrStdout().Write(append(bytes.TrimSpace(answer), '\n'))
		return err
	}
	return understood(answer, into)
}

func understood(answer []byte, into any) error {
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("the answer is not one of a relay: %w", err)
	}
	return nil
}

// fetch sends a request to the relay that runs, and gives its answer.
func (f relayFlags) fetch(c *cobra.Command, method, path string, body []byte) ([]byte, error) {
	cfg, err := settings(config.ConsoleSettings()...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
	defer cancel()
	answer, err := f.open(ctx, cfg, adminRequest{method: method, path: path, body: body})
	if err != nil {
		return nil, err
	}
	defer answer.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(answer, maxAnswer))
}

// errNobody says that no relay listens where one was asked.
var errNobody = errors.New("is a relay running there? (BECKON_ADMIN_LISTEN, --server)")

// open sends a request to the relay that runs, for an answer that is read by and by. It has to be closed. errNobody where nobody listens.
func (f relayFlags) open(ctx context.Context, cfg config.Config, asked adminRequest) (io.ReadCloser, error) {
	base, err := f.address(cfg)
	if err != nil {
		return nil, err
	}
	answer, err := openAdmin(ctx, cfg, base, asked)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("nobody listens at %s; %w", base, errNobody)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the relay at %s: %w", base, err)
	}
	return answer, nil
}

const (
	// askTimeout is long enough for a resume that wakes up a hundred thousand alerts.
	askTimeout = 2 * time.Minute
	maxAnswer  = 1 << 20
)

// adminRequest is what an admin listener is asked for.
type adminRequest struct {
	method, path string
	body         []byte
	header       http.Header
}

// openAdmin makes a request to an admin listener. What it refuses is the error, in its own words.
func openAdmin(ctx context.Context, cfg config.Config, base string, asked adminRequest) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, asked.method, base+asked.path, bytes.NewReader(asked.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, asked.header)
	request.Header.Set("Content-Type", "application/json")
	switch {
	case cfg.Token != "":
		request.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
	case cfg.Operator.User != "":
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
		return nil, errors.New("it asks for an operator: set BECKON_OPERATOR to name:secret, or BECKON_TOKEN to a token")
	}
	return nil, errors.New(refused.Error.Message)
}
