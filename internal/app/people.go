package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

// loadPeople reads files of recipients, with everything that is wrong in them, and the hash of each that is sound.
func loadPeople(paths []string) (people directory.Chain, hashes []string, problems []directory.Problem) {
	for _, path := range paths {
		file, wrong := directory.LoadFile(path)
		problems = append(problems, wrong...)
		if file != nil {
			people, hashes = append(people, file), append(hashes, file.Hash())
		}
	}
	return people, hashes, problems
}

// People knows the contacts of the settings, for the commands that try rules out.
type People struct {
	chain directory.Chain
	// Invented says that no directory is configured, so that everybody is taken to be reachable on every channel.
	Invented bool
}

// OpenPeople reads the directories of the settings. The error names everything that is wrong in them.
func OpenPeople(c config.Config) (*People, error) {
	chain, _, problems := loadPeople(c.DirectoryFiles)
	if len(problems) > 0 {
		return nil, fmt.Errorf("read the recipients: %w", joined(problems))
	}
	return &People{chain: chain, Invented: len(c.DirectoryFiles) == 0}, nil
}

func joined(problems []directory.Problem) error {
	all := make([]error, 0, len(problems))
	for _, p := range problems {
		all = append(all, errors.New(p.String()))
	}
	return errors.Join(all...)
}

// Find looks a person up as sim.Setup asks for it; who they are does not change with time.
func (p *People) Find(uid string, _ time.Time) (relay.Contact, engine.Found) {
	if p.Invented {
		return relay.Contact{UID: uid, Name: uid, Email: relay.Email(uid + "@example.com"), Phone: "+14155550100"}, engine.FoundContact
	}
	contact, err := p.chain.Lookup(context.Background(), uid)
	switch {
	case errors.Is(err, directory.ErrUnknown):
		return relay.Contact{}, engine.FoundNobody
	case err != nil:
		return relay.Contact{}, engine.FoundDown
	}
	if zone, err := time.LoadLocation(contact.TimeZone); err == nil && contact.TimeZone != "" {
		contact.Zone = zone
	}
	return contact, engine.FoundContact
}
