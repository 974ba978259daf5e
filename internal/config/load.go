package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxValue is the longest value, from a file or not, in bytes.
const maxValue = 64 << 10

// FromEnvironment loads the settings of this process.
func FromEnvironment() (Config, error) {
	return Load(os.LookupEnv, readBounded)
}

// OnlyFromEnvironment loads these settings alone; the others have their defaults, whatever is wrong with them. For commands
// that must work while a relay beside them runs on settings that were good at its start.
func OnlyFromEnvironment(names ...string) (Config, error) {
	return Load(func(name string) (string, bool) {
		if !slices.Contains(names, strings.TrimSuffix(name, "_FILE")) {
			return "", false
		}
		return os.LookupEnv(name)
	}, readBounded)
}

// readBounded reads one byte more than a value may have, so that Load sees that it is too long.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(f, maxValue+1))
}

// Load reads every setting of the table by lookup, and secrets also from the file that NAME_FILE names. Blanks around a
// value that is no secret do not belong to it, and an empty value counts as not given. The error joins everything that is wrong, one line for each.
func Load(lookup func(string) (string, bool), readFile func(string) ([]byte, error)) (Config, error) {
	var c Config
	var faults []error
	given := map[string]bool{}
	from := &source{lookup: lookup, readFile: readFile}
	for _, e := range table() {
		value, err := from.value(e.Setting)
		given[e.Name] = err != nil || value != ""
		if value == "" {
			value = e.Default
		}
		if err == nil && value != "" {
			err = e.read(&c, value)
		}
		faults = append(faults, named(e.Name, err)...)
	}
	if !given["BECKON_MEDIA_LINK_TTL"] {
		c.MediaLinkTTL = c.Retention
	}
	faults = append(faults, together(c, given)...)
	faults = append(faults, consoleTogether(given)...)
	if c.RetentionMessages > c.Retention && c.Retention > 0 {
		faults = append(faults, fmt.Errorf("BECKON_RETENTION_MESSAGES: %v is longer than the events are kept that the messages belong to (BECKON_RETENTION, %v)",
			c.RetentionMessages, c.Retention))
	}
	if c.RetentionMessages == 0 {
		c.RetentionMessages = c.Retention
	}
	if err := errors.Join(faults...); err != nil {
		return Config{}, err
	}
	c.SecretFiles = from.files
	return c, nil
}

// named puts the setting's name before each fault. What is wrong in the same way twice is said once.
func named(name string, err error) []error {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	var faults []error
	said := map[string]bool{}
	for _, fault := range list {
		if !said[fault.Error()] {
			faults = append(faults, fmt.Errorf("%s: %w", name, fault))
		}
		said[fault.Error()] = true
	}
	return faults
}

// together checks what settings need of each other; whether they are right by themselves is said elsewhere.
func together(c Config, given map[string]bool) []error {
	var faults []error
	if given["BECKON_TLS_CERT_FILE"] && !given["BECKON_TLS_KEY_FILE"] {
		faults = append(faults, errors.New("BECKON_TLS_CERT_FILE: needs BECKON_TLS_KEY_FILE, the key of the certificate"))
	}
	if given["BECKON_TLS_KEY_FILE"] && !given["BECKON_TLS_CERT_FILE"] {
		faults = append(faults, errors.New("BECKON_TLS_KEY_FILE: needs BECKON_TLS_CERT_FILE, the certificate of the key"))
	}
	for _, name := range []string{"BECKON_SMS_STOP_WORDS", "BECKON_SMS_START_WORDS", "BECKON_SMS_HELP_WORDS"} {
		if given[name] && !given["BECKON_PUBLIC_URL"] {
			faults = append(faults, fmt.Errorf("%s: needs BECKON_PUBLIC_URL, where Twilio posts what people write", name))
		}
	}
	if given["BECKON_SMS_HELP_REPLY"] && !given["BECKON_SMS_HELP_WORDS"] {
		faults = append(faults, errors.New("BECKON_SMS_HELP_REPLY: needs BECKON_SMS_HELP_WORDS; HELP and INFO are answered by Twilio"))
	}
	if given["BECKON_PUBLIC_URL"] && !given["BECKON_SECRET_KEY"] {
		faults = append(faults, errors.New("BECKON_PUBLIC_URL: needs BECKON_SECRET_KEY, which signs the links"))
	}
	if c.MediaLinkTTL > c.Retention && c.Retention > 0 {
		faults = append(faults, fmt.Errorf("BECKON_MEDIA_LINK_TTL: %s is longer than events are kept; a link dies with its event, so it may have %s (BECKON_RETENTION) at the most",
			c.MediaLinkTTL, c.Retention))
	}
	for _, name := range []string{"COMETCHAT_APP_ID", "COMETCHAT_REGION"} {
		if given["COMETCHAT_API_KEY"] && !given[name] {
			faults = append(faults, fmt.Errorf("COMETCHAT_API_KEY: needs %s, which says whose API it opens", name))
		}
	}
	for _, name := range []string{"BECKON_DIRECTORY_TOKEN", "BECKON_DIRECTORY_USER"} {
		if given[name] {
			faults = append(faults, named(name, c.Directory.oneHost())...)
		}
	}
	if given["BECKON_DIRECTORY_TOKEN"] && given["BECKON_DIRECTORY_USER"] {
		faults = append(faults, errors.New("BECKON_DIRECTORY_TOKEN: set together with BECKON_DIRECTORY_USER; set one of them"))
	}
	return faults
}

// source is where values come from.
type source struct {
	lookup   func(string) (string, bool)
	readFile func(string) ([]byte, error)
	// files are those that were named.
	files []string
}

// value finds what was given for a setting, "" for nothing.
func (s *source) value(setting Setting) (string, error) {
	value, _ := s.lookup(setting.Name)
	if len(value) > maxValue {
		return "", fmt.Errorf("longer than %d KiB", maxValue>>10)
	}
	if !setting.Secret {
		return strings.TrimSpace(value), nil
	}
	path, _ := s.lookup(setting.Name + "_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("set together with %s_FILE; set one of them", setting.Name)
	}
	return s.file(setting.Name, path)
}

// file reads a secret from a mounted file, whose last newline does not belong to it.
func (s *source) file(name, path string) (string, error) {
	s.files = append(s.files, path)
	content, err := s.readFile(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE cannot be read: %w", name, err)
	}
	if len(content) > maxValue {
		return "", fmt.Errorf("the file %s is longer than %d KiB", path, maxValue>>10)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("the file %s is empty", path)
	}
	return value, nil
}
