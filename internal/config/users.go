package config

import (
	"errors"
	"fmt"
	"strings"
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
