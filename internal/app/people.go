package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat/rest"
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

// sources are all places that know people, and CometChat's API, which knows more than them.
type sources struct {
	chain directory.Chain
	// files are those of the sources that are one; hashes tell versions of the files apart.
	files  directory.Chain
	hashes []string
	// cometchat is nil without a key.
	cometchat *rest.Client
	// made are what was made to ask somebody, by what its settings are: what it remembers, and the pause it was asked for, outlive a
	// reload that changes nothing about it.
	made map[string]any
}

// finder opens sources.
type finder struct {
	// before are those in force, or nil.
	before *sources
	// observer is told of look-ups, and odd of fields in CometChat that cannot be used.
	observer directory.Observer
	odd      func(field string)
}

// nobody is told of nothing.
type nobody struct{}

// LookedUp implements directory.Observer.
func (nobody) LookedUp(string, directory.Result, time.Duration) {}

// open makes the sources of the settings. The error names everything that is wrong with them.
func (f finder) open(c config.Config) (*sources, error) {
	s := &sources{made: map[string]any{}}
	var problems []error
	if c.CometChat.APIKey != "" {
		var err error
		s.cometchat, err = reuse(f, s, "cometchat "+cometchatHash(c), func() (*rest.Client, error) { return rest.New(cometchatConfig(c)) })
		problems = append(problems, err)
	}
	for _, source := range c.Directory.Sources {
		opened, err := f.source(c, s, source)
		problems = append(problems, err)
		s.chain = append(s.chain, opened)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

func (f finder) source(c config.Config, s *sources, source config.DirectorySource) (directory.Source, error) {
	switch source.Kind {
	case config.DirectoryFile:
		files, hashes, wrong := loadPeople([]string{source.Address})
		if len(wrong) > 0 {
			return nil, joined(wrong)
		}
		s.files, s.hashes = append(s.files, files...), append(s.hashes, hashes...)
		return directory.Observed{Source: files, Name: string(source.Kind), Observer: f.observer}, nil
	case config.DirectoryHTTP:
		d := c.Directory
		return reuse(f, s, "http "+settingsHash(source.Address, d.Token.Reveal(), d.User.User, d.User.Password.Reveal(), fmt.Sprint(d.Networks), d.TTL.String()),
			func() (*directory.Cache, error) {
				opened, err := directory.NewHTTP(directory.HTTPConfig{
					Address: source.Address, Token: d.Token.Reveal(), User: d.User.User, Password: d.User.Password.Reveal(), Networks: d.Networks,
				})
				if err != nil {
					return nil, fmt.Errorf("BECKON_DIRECTORY: %w", err)
				}
				return f.cached(c, source.Kind, opened)
			})
	default:
		if s.cometchat == nil {
			return nil, errors.New("BECKON_DIRECTORY: cometchat needs COMETCHAT_API_KEY, COMETCHAT_APP_ID and COMETCHAT_REGION")
		}
		return reuse(f, s, "people "+settingsHash(cometchatHash(c), c.Directory.TTL.String()), func() (*directory.Cache, error) {
			return f.cached(c, source.Kind, directory.Vendor{Profiles: s.cometchat, Unknown: rest.ErrNotFound, Odd: f.odd})
		})
	}
}

func (f finder) cached(c config.Config, kind config.DirectoryKind, source directory.Source) (*directory.Cache, error) {
	return directory.NewCache(source, directory.CacheOptions{Name: string(kind), TTL: c.Directory.TTL, Observer: f.observer})
}

// reuse gives what was made for the same settings before, or else makes it.
func reuse[T any](f finder, s *sources, settings string, build func() (T, error)) (T, error) {
	if f.before != nil {
		if before, ok := f.before.made[settings].(T); ok {
			s.made[settings] = before
			return before, nil
		}
	}
	made, err := build()
	if err == nil {
		s.made[settings] = made
	}
	return made, err
}

// settingsHash tells settings apart without holding the secrets among them.
func settingsHash(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func cometchatHash(c config.Config) string {
	return settingsHash(c.CometChat.AppID, c.CometChat.Region, c.CometChat.APIKey.Reveal(), text(c.CometChat.BaseURL))
}

func cometchatConfig(c config.Config) rest.Config {
	return rest.Config{
		AppID: c.CometChat.AppID, Region: c.CometChat.Region, APIKey: c.CometChat.APIKey.Reveal(), BaseURL: text(c.CometChat.BaseURL),
	}
}

// People knows the contacts of the settings, for the commands that try rules out.
type People struct {
	chain directory.Chain
	// Invented says that no directory is configured, so that everybody is taken to be reachable on every channel.
	Invented bool

	mu      sync.Mutex
	trouble error
}

// OpenPeople opens the directories of the settings (config.DirectorySettings). The error names everything that is wrong with them.
func OpenPeople(c config.Config) (*People, error) {
	opened, err := finder{observer: nobody{}, odd: func(string) {}}.open(c)
	if err != nil {
		return nil, fmt.Errorf("read the recipients: %w", err)
	}
	return &People{chain: opened.chain, Invented: len(opened.chain) == 0}, nil
}

// Trouble is why somebody could not be looked up; nil where everybody could. After that nobody is asked any more: a clock that
// runs ahead would have a source that is down asked thousands of times.
func (p *People) Trouble() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

func joined(problems []directory.Problem) error {
	all := make([]error, 0, len(problems))
	for _, p := range problems {
		all = append(all, errors.New(p.String()))
	}
	return errors.Join(all...)
}

// today is Find without a time, for those who know none.
func (p *People) today(uid string) (relay.Contact, engine.Found) { return p.Find(uid, time.Time{}) }

// Find looks a person up as sim.Setup asks for it; who they are does not change with time.
func (p *People) Find(uid string, _ time.Time) (relay.Contact, engine.Found) {
	if p.Invented {
		return relay.Contact{UID: uid, Name: uid, Email: relay.Email(uid + "@example.com"), Phone: "+14155550100"}, engine.FoundContact
	}
	if p.Trouble() != nil {
		return relay.Contact{}, engine.FoundDown
	}
	contact, err := p.chain.Lookup(context.Background(), uid)
	switch {
	case errors.Is(err, directory.ErrUnknown):
		return relay.Contact{}, engine.FoundNobody
	case err != nil:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.trouble = err
		return relay.Contact{}, engine.FoundDown
	}
	if zone, err := time.LoadLocation(contact.TimeZone); err == nil && contact.TimeZone != "" {
		contact.Zone = zone
	}
	return contact, engine.FoundContact
}
