package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/beckon-relay/beckon/internal/relay"
)

// ConsoleUser may use the admin listener. Secret is a password, or a bcrypt hash when it begins with "$2".
type ConsoleUser struct {
	Name   string
	Secret Secret
	Viewer bool
}

// ConsoleToken lets a program use it. Hash is the SHA-256 of the token, in hexadecimal digits.
type ConsoleToken struct {
	Name   string
	Hash   Secret
	Viewer bool
}

// ConsoleProxy names the people who use it, by a header that is believed from some networks only. Header and Networks are both set or
// both empty; Operators are those who may act.
type ConsoleProxy struct {
	Header    string
	Networks  []netip.Prefix
	Operators []string
}

const (
	// minToken is the least length of a token, in characters: it is not slowed down by a hash that takes its time.
	minToken = 32
	// maxOperatorName is the longest name of an operator, in bytes.
	maxOperatorName = 128
	hashPrefix      = "sha256:"
)

func consoleTable() []entry {
	return []entry{
		{
			Setting{
				Name: "BECKON_CONSOLE_USERS", Secret: true,
				Help: "who may use console and actions: name:secret[:viewer],... ($2... is a bcrypt hash)",
			},
			func(c *Config, v string) error { return readConsoleUsers(&c.ConsoleUsers, v) },
		},
		{
			Setting{
				Name: "BECKON_CONSOLE_TOKENS", Secret: true,
				Help: "tokens of programs: name:token[:viewer],... (32 characters or more; or sha256:HEX)",
			},
			func(c *Config, v string) error { return readConsoleTokens(&c.ConsoleTokens, v) },
		},
		{
			Setting{Name: "BECKON_CONSOLE_PROXY_HEADER", Help: "header by which a proxy names people, such as X-Forwarded-User"},
			func(c *Config, v string) error { return readHeader(&c.ConsoleProxy.Header, v) },
		},
		{
			Setting{Name: "BECKON_CONSOLE_PROXIES", Help: "networks of those proxies; from elsewhere that header is ignored"},
			func(c *Config, v string) error { return readProxies(&c.ConsoleProxy.Networks, v) },
		},
		{
			Setting{Name: "BECKON_CONSOLE_OPERATORS", Help: "who of them may act: ann@example.com,...; all others look only"},
			func(c *Config, v string) error { return readNames(&c.ConsoleProxy.Operators, v) },
		},
		{
			Setting{
				Name: "BECKON_OPERATOR", Secret: true,
				Help: "for commands that ask a running relay: name:secret of a console user",
			},
			func(c *Config, v string) error { return readOperator(&c.Operator, v) },
		},
		{
			Setting{Name: "BECKON_TOKEN", Secret: true, Help: "in place of it, a token of BECKON_CONSOLE_TOKENS"},
			func(c *Config, v string) error { return readToken(&c.Token, v) },
		},
	}
}

// ConsoleSettings are those by which a command says who it is to a running relay.
func ConsoleSettings() []string {
	return []string{"BECKON_ADMIN_LISTEN", "BECKON_OPERATOR", "BECKON_TOKEN"}
}

// consoleTogether checks what the settings of the console need of each other.
func consoleTogether(given map[string]bool) []error {
	var faults []error
	if given["BECKON_CONSOLE_PROXY_HEADER"] && !given["BECKON_CONSOLE_PROXIES"] {
		faults = append(faults, errors.New("BECKON_CONSOLE_PROXY_HEADER: needs BECKON_CONSOLE_PROXIES, the networks from which it is believed"))
	}
	for _, name := range []string{"BECKON_CONSOLE_PROXIES", "BECKON_CONSOLE_OPERATORS"} {
		if given[name] && !given["BECKON_CONSOLE_PROXY_HEADER"] {
			faults = append(faults, fmt.Errorf("%s: needs BECKON_CONSOLE_PROXY_HEADER, the header that has the name", name))
		}
	}
	if given["BECKON_OPERATOR"] && given["BECKON_TOKEN"] {
		faults = append(faults, errors.New("BECKON_TOKEN: set together with BECKON_OPERATOR; set one of them"))
	}
	return faults
}

// ConsoleConfigured reports whether anybody is known who may use the admin listener.
func (c Config) ConsoleConfigured() bool {
	return len(c.ConsoleUsers) > 0 || len(c.ConsoleTokens) > 0 || c.ConsoleProxy.Header != ""
}

func readOperator(to *WebhookUser, value string) error {
	name, secret, ok := strings.Cut(value, ":")
	if !ok || name == "" || secret == "" {
		return errors.New("not name:secret")
	}
	*to = WebhookUser{User: name, Password: Secret(secret)}
	return nil
}

func readConsoleUsers(to *[]ConsoleUser, value string) error {
	var faults []error
	seen := map[string]bool{}
	for i, item := range items(value) {
		user, err := parseConsoleUser(item)
		if err == nil && seen[user.Name] {
			err = errors.New("has the name of an earlier one")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("entry %d %w", i+1, err))
			continue
		}
		seen[user.Name] = true
		*to = append(*to, user)
	}
	return errors.Join(faults...)
}

func parseConsoleUser(item string) (ConsoleUser, error) {
	parts := strings.Split(item, ":")
	viewer := len(parts) == 3 && parts[2] == "viewer"
	if len(parts) != 2 && !viewer || parts[0] == "" || parts[1] == "" {
		return ConsoleUser{}, errors.New("is not name:secret or name:secret:viewer")
	}
	if strings.HasPrefix(parts[1], "$2") {
		if _, err := bcrypt.Cost([]byte(parts[1])); err != nil {
			return ConsoleUser{}, errors.New("has a secret that begins with $2 and is not a bcrypt hash")
		}
	}
	return ConsoleUser{Name: parts[0], Secret: Secret(parts[1]), Viewer: viewer}, checkName(parts[0])
}

// readConsoleTokens allows one name with several tokens: that is how they are rotated.
func readConsoleTokens(to *[]ConsoleToken, value string) error {
	var faults []error
	seen := map[Secret]bool{}
	for i, item := range items(value) {
		token, err := parseConsoleToken(item)
		if err == nil && seen[token.Hash] {
			err = errors.New("has the token of an earlier one")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("entry %d %w", i+1, err))
			continue
		}
		seen[token.Hash] = true
		*to = append(*to, token)
	}
	return errors.Join(faults...)
}

func parseConsoleToken(item string) (ConsoleToken, error) {
	name, token, ok := strings.Cut(item, ":")
	token, viewer := strings.CutSuffix(token, ":viewer")
	if !ok || name == "" || token == "" {
		return ConsoleToken{}, errors.New("is not name:token or name:token:viewer")
	}
	found := ConsoleToken{Name: name, Viewer: viewer}
	if digits, hashed := strings.CutPrefix(token, hashPrefix); hashed {
		sum, err := hex.DecodeString(digits)
		if err != nil || len(sum) != sha256.Size {
			return ConsoleToken{}, errors.New("has sha256: and not 64 hexadecimal digits behind it")
		}
		found.Hash = Secret(strings.ToLower(digits))
		return found, checkName(name)
	}
	var plain Secret
	switch {
	case strings.Contains(token, ":"):
		return ConsoleToken{}, errors.New("is not name:token or name:token:viewer")
	case len(token) < minToken:
		return ConsoleToken{}, fmt.Errorf("has a token of fewer than %d characters", minToken)
	}
	if err := readToken(&plain, token); err != nil {
		return ConsoleToken{}, err
	}
	sum := sha256.Sum256([]byte(token))
	found.Hash = Secret(hex.EncodeToString(sum[:]))
	return found, checkName(name)
}

// checkName says what is wrong with the name of an operator, which stands in the audit beside those of others.
func checkName(name string) error {
	switch {
	case len(name) > maxOperatorName:
		return fmt.Errorf("has a name of more than %d bytes", maxOperatorName)
	case name == relay.ByLocal || name == relay.ByRecipient:
		return fmt.Errorf("has the name %s, which the audit has for others", name)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("has a name with control characters")
	}
	return nil
}

// readHeader refuses those that mean something else, and would let in whoever sends them.
func readHeader(to *string, value string) error {
	taken := []string{"Authorization", "Cookie", "Host", "Origin", "Accept", "User-Agent", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}
	name := http.CanonicalHeaderKey(value)
	token := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_", r))
	}
	if strings.ContainsFunc(value, func(r rune) bool { return !token(r) }) || slices.Contains(taken, name) {
		return fmt.Errorf("%s is not a header that can name somebody, such as X-Forwarded-User", quote(value))
	}
	*to = name
	return nil
}

// readProxies refuses to believe everybody.
func readProxies(to *[]netip.Prefix, value string) error {
	if err := readNetworks(to, value); err != nil {
		return err
	}
	if slices.ContainsFunc(*to, func(n netip.Prefix) bool { return n.Bits() == 0 }) {
		return errors.New("a network of all addresses would let everybody say who they are; name those of the proxies")
	}
	return nil
}

func readNames(to *[]string, value string) error {
	var faults []error
	for i, item := range items(value) {
		if item == "" {
			faults = append(faults, fmt.Errorf("entry %d is empty", i+1))
			continue
		}
		if err := checkName(item); err != nil {
			faults = append(faults, fmt.Errorf("entry %d %w", i+1, err))
			continue
		}
		*to = append(*to, item)
	}
	return errors.Join(faults...)
}
