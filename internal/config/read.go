package config

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Bounds of durations. IDs of events live as long as the events, and CometChat may repeat one for a day or more.
const (
	minRetention = 72 * time.Hour
	maxRetention = 10 * 365 * 24 * time.Hour
	// A message must outlive its retries, which a rule lets go on for a day by default.
	minRetentionMessages = 24 * time.Hour
	minRetentionAudit    = 24 * time.Hour

	minUnknownWait = time.Second
	// A link is opened after the mail was read, which is some time after it was sent.
	minMediaLinkTTL = 5 * time.Minute
	maxUnknownWait  = 24 * time.Hour
	maxActivityLag  = 24 * time.Hour
)

func readText(to *string, value string) error {
	*to = value
	return nil
}

func readSecret(to *Secret, value string) error {
	*to = Secret(value)
	return nil
}

// readSecrets takes a comma list of words.
func readSecrets(to *[]Secret, value string) error {
	var faults []error
	for i, item := range items(value) {
		switch {
		case item == "":
			faults = append(faults, fmt.Errorf("entry %d is empty", i+1))
		case strings.ContainsFunc(item, unicode.IsSpace):
			faults = append(faults, fmt.Errorf("entry %d has a space or a line break in it; separate entries by commas", i+1))
		default:
			*to = append(*to, Secret(item))
		}
	}
	return errors.Join(faults...)
}

// readActivity takes on, off, or how far the activity is behind, which is on.
func readActivity(to *SendGrid, value string) error {
	if readSwitch(&to.Activity, value) == nil {
		return nil
	}
	if _, err := time.ParseDuration(value); err != nil {
		return fmt.Errorf("%s is neither on nor off, nor a duration such as 15m", quote(value))
	}
	to.Activity = true
	return readDuration(&to.ActivityLag, value, time.Second, maxActivityLag)
}

func readSwitch(to *bool, value string) error {
	switch value {
	case "on":
		*to = true
	case "off":
		*to = false
	default:
		return fmt.Errorf("%s is neither on nor off", quote(value))
	}
	return nil
}

// readChoice takes one of two words.
func readChoice[T ~string](to *T, value string, one, other T) error {
	if T(value) != one && T(value) != other {
		return fmt.Errorf("%s is neither %s nor %s", quote(value), one, other)
	}
	*to = T(value)
	return nil
}

func readListen(to *string, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s is not host:port, such as 127.0.0.1:8080 or :8080", quote(value))
	}
	*to = value
	return nil
}

func readDuration(to *time.Duration, value string, least, most time.Duration) error {
	d, err := time.ParseDuration(value)
	if err != nil {
		return fmt.Errorf("%s is not a duration, such as 90s or 720h", quote(value))
	}
	if d < least || d > most {
		return fmt.Errorf("%s is not between %v and %v", quote(value), least, most)
	}
	*to = d
	return nil
}

func readLevel(to *slog.Level, value string) error {
	switch strings.ToLower(value) {
	case "debug", "info", "warn", "error":
		return to.UnmarshalText([]byte(value))
	}
	return fmt.Errorf("%s is not debug, info, warn or error", quote(value))
}

// readNetworks takes networks and single addresses.
func readNetworks(to *[]netip.Prefix, value string) error {
	var faults []error
	for _, item := range items(value) {
		network, err := netip.ParsePrefix(item)
		if ip, isIP := netip.ParseAddr(item); isIP == nil {
			network, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s is not a network, such as 10.0.0.0/8 or 192.0.2.7", quote(item)))
			continue
		}
		*to = append(*to, network.Masked())
	}
	return errors.Join(faults...)
}

func readPublicURL(to **url.URL, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || !plain(u) {
		return errors.New("not an address such as https://beckon.example.com " +
			"(https, a host, no user, no query, no fragment)")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	*to = u
	return nil
}

func readBaseURL(to **url.URL, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !plain(u) || strings.Trim(u.Path, "/") != "" {
		return errors.New("not an address such as http://127.0.0.1:9000 (http or https, a host, no user, no path, no query)")
	}
	u.Path = ""
	*to = u
	return nil
}

// plain reports whether the address has a host and nothing after its path. A user would be a password in clear.
func plain(u *url.URL) bool {
	return u.Hostname() != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && u.Opaque == ""
}

// readDatabase never quotes the value: a URL may carry a password.
func readDatabase(to *Config, value string) error {
	if strings.HasPrefix(value, "postgres://") || strings.HasPrefix(value, "postgresql://") {
		// Its parameters are read where it is opened. A host may also be a folder with a socket, given as a parameter.
		u, err := url.Parse(value)
		if err != nil || u.Host == "" && !u.Query().Has("host") || strings.Trim(u.Path, "/") == "" || u.Fragment != "" {
			return errors.New("not the address of a PostgreSQL database, such as postgres://USER:PASSWORD@HOST:5432/NAME " +
				"(percent-encode special characters of the password)")
		}
		if mode := u.Query().Get("sslmode"); mode != "" && !slices.Contains(sslModes(), mode) {
			return fmt.Errorf("its sslmode is none of %s", strings.Join(sslModes(), ", "))
		}
		to.DatabaseFile, to.DatabaseURL = "", Secret(value)
		return nil
	}
	path, ok := strings.CutPrefix(value, "sqlite:")
	switch {
	case !ok || path == "" || strings.HasPrefix(path, "//"), strings.HasPrefix(path, "file:"):
		return errors.New("not a database; write sqlite:PATH, such as sqlite:/var/lib/beckon/beckon.db, or postgres://USER:PASSWORD@HOST/NAME")
	case strings.Contains(path, ":memory:"):
		return errors.New("a database in memory would lose what was accepted; write sqlite:PATH")
	case strings.ContainsAny(path, "?#"):
		return errors.New("the path of the database takes no options after ? or #")
	}
	to.DatabaseFile, to.DatabaseURL = path, ""
	return nil
}

// sslModes are what libpq knows.
func sslModes() []string {
	return []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
}

// Database reads the address of another database than that of the settings.
func Database(address string) (Config, error) {
	var c Config
	return c, readDatabase(&c, address)
}

func readPublicKeys(to *[]string, value string) error {
	var faults []error
	list := items(value)
	for i, item := range list {
		if !isPublicKey(item) {
			faults = append(faults, fmt.Errorf("%snot the verification key that SendGrid shows: base64 of an ECDSA public key, in one line",
				entryOf(i, list)))
			continue
		}
		*to = append(*to, item)
	}
	return errors.Join(faults...)
}

func isPublicKey(s string) bool {
	der, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return false
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return false
	}
	_, ok := key.(*ecdsa.PublicKey)
	return ok
}

// entryOf names an entry of a comma list, where there is more than one.
func entryOf(i int, list []string) string {
	if len(list) < 2 {
		return ""
	}
	return fmt.Sprintf("entry %d is ", i+1)
}

// items splits a comma list and trims what people put around commas.
func items(value string) []string {
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// quote shows a value that is no secret, cut short.
func quote(value string) string {
	const most = 60
	if runes := []rune(value); len(runes) > most {
		value = string(runes[:most]) + "..."
	}
	return strconv.Quote(value)
}
