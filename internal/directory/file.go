package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxFile is the largest recipients file that is read, in bytes; some hundred thousand people.
const maxFile = 16 << 20

// File is a checked recipients file. It does not change: a new version is a new File.
type File struct {
	name     string
	contacts map[string]relay.Contact
	hash     string
}

// Problem is one thing wrong in a recipients file. It never quotes a phone number or an email address.
type Problem struct {
	File string
	// Line and Column count from 1, and are 0 where the problem is the file as a whole.
	Line, Column int
	// Field is the path of keys to it, such as "mute[0].until"; empty where it is not inside one.
	Field string
	// Message says what is wrong and what would be right.
	Message string
}

// String reads "recipients.yaml:12:10: message".
func (p Problem) String() string {
	switch {
	case p.Line == 0:
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	case p.Column == 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// LoadFile reads and checks a recipients file. With problems there is no File.
func LoadFile(path string) (*File, []Problem) {
	src, err := readBounded(path)
	if err != nil {
		return nil, []Problem{{File: path, Message: err.Error()}}
	}
	return ParseFile(path, src)
}

// readBounded reads one byte more than is allowed, so that ParseFile sees that it is too much.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("open the file of recipients: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the file of recipients: %w", err)
	}
	return src, nil
}

// ParseFile checks the text of a recipients file, which problems call by the given name.
func ParseFile(name string, src []byte) (*File, []Problem) {
	if len(src) > maxFile {
		return nil, []Problem{{File: name, Message: fmt.Sprintf("is larger than %d MiB", maxFile>>20)}}
	}
	p := &parser{file: name, zones: map[string]bool{}}
	contacts := p.parse(src)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	sum := sha256.Sum256(src)
	return &File{name: name, contacts: contacts, hash: hex.EncodeToString(sum[:])}, nil
}

// ParseNode checks people that are written inside another YAML file of that name: the node is what a recipients file would
// be by itself. The File has no Hash.
func ParseNode(name string, people *yaml.Node) (*File, []Problem) {
	p := &parser{file: name, zones: map[string]bool{}}
	contacts := map[string]relay.Contact{}
	if p.plain(people) {
		p.people(people, contacts)
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return &File{name: name, contacts: contacts}, nil
}

// Lookup implements Source.
func (f *File) Lookup(_ context.Context, uid string) (relay.Contact, error) {
	contact, ok := f.contacts[strings.ToLower(uid)]
	if !ok {
		return relay.Contact{}, ErrUnknown
	}
	return contact, nil
}

// Name is what the file is called.
func (f *File) Name() string { return f.name }

// All gives everybody in the file by uid, in no order. Their lists must not be changed.
func (f *File) All() iter.Seq2[string, relay.Contact] { return maps.All(f.contacts) }

// Hash is the SHA-256 of the file's text, in hexadecimal: equal hashes, equal files.
func (f *File) Hash() string { return f.hash }
