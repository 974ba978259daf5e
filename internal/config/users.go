package config

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// minKey is the least length of a key that signs links, in characters.
const minKey = 32

// The functions below name an entry by its place and never by what it says, because secrets stand in it.

// readWebhookUsers allows one user with several passwords: that is how they are rotated.
func readWebhookUsers(to *[]WebhookUser, value string) error {
	var faults []error
	for i, item := range items(value) {
		user, password, ok := strings.Cut(item, ":")
		if !ok || user == "" || password == "" {
			faults = append(faults, fmt.Errorf("entry %d is not user:password", i+1))
			continue
		}
		*to = append(*to, WebhookUser{User: user, Password: Secret(password)})
	}
	return errors.Join(faults...)
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
	return ConsoleUser{Name: parts[0], Secret: Secret(parts[1]), Viewer: viewer}, nil
}

func readSecretKeys(to *[]Secret, value string) error {
	var faults []error
	for i, item := range items(value) {
		if len(item) < minKey {
			faults = append(faults, fmt.Errorf("key %d has fewer than %d characters", i+1, minKey))
			continue
		}
		*to = append(*to, Secret(item))
	}
	return errors.Join(faults...)
}
