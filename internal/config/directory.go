package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Bounds of how long a contact is remembered. Much longer, and somebody who said no would be written to all the same.
const (
	minDirectoryTTL = time.Second
	maxDirectoryTTL = 24 * time.Hour
)

// placeholder stands for the uid in the address of a directory.
const placeholder = "{uid}"

// Directory says where people are looked up.
type Directory struct {
	// Sources are asked in this order.
	Sources []DirectorySource
	// Token is shown to a source that is asked by HTTP, or else User; both may be empty.
	Token Secret
	User  WebhookUser
	// Networks may be dialled although they are not public.
	Networks []netip.Prefix
	// TTL is how long an answer is good for; files are not asked but read.
	TTL time.Duration
}

// DirectorySource is one place that knows people.
type DirectorySource struct {
	Kind DirectoryKind
	// Address is the path of a file or the address with {uid} in its path; empty for CometChat.
	Address string
}

// DirectoryKind is how a source is asked.
type DirectoryKind string

// Kinds of sources.
const (
	DirectoryFile      DirectoryKind = "file"
	DirectoryHTTP      DirectoryKind = "http"
	DirectoryCometChat DirectoryKind = "cometchat"
)

// DirectoryKinds lists all kinds.
func DirectoryKinds() []DirectoryKind {
	return []DirectoryKind{DirectoryFile, DirectoryHTTP, DirectoryCometChat}
}

// Files are the paths of the sources that are files, in their order.
func (d Directory) Files() []string { return d.addresses(DirectoryFile) }

// Uses reports whether a source is of that kind.
func (d Directory) Uses(kind DirectoryKind) bool { return len(d.addresses(kind)) > 0 }

func (d Directory) addresses(kind DirectoryKind) []string {
	var all []string
	for _, s := range d.Sources {
		if s.Kind == kind {
			all = append(all, s.Address)
		}
	}
	return all
}

// DirectorySettings are the names of all settings that looking people up needs, for OnlyFromEnvironment.
func DirectorySettings() []string {
	var names []string
	for _, e := range append(directoryTable(), cometchatTable()...) {
		names = append(names, e.Name)
	}
	return names
}

func directoryTable() []entry {
	return []entry{
		{
			Setting{
				Name: "BECKON_DIRECTORY",
				Help: "who is reached where, asked in order: file:PATH,cometchat,https://HOST/{uid}",
			},
			func(c *Config, v string) error { return readDirectory(&c.Directory.Sources, v) },
		},
		{
			Setting{Name: "BECKON_DIRECTORY_TOKEN", Secret: true, Help: "bearer token for the https directory"},
			func(c *Config, v string) error { return readToken(&c.Directory.Token, v) },
		},
		{
			Setting{Name: "BECKON_DIRECTORY_USER", Secret: true, Help: "or user:password for it"},
			func(c *Config, v string) error { return readBasicUser(&c.Directory.User, v) },
		},
		{
			Setting{Name: "BECKON_DIRECTORY_NETWORKS", Help: "private networks it may be in, such as 10.1.0.0/16"},
			func(c *Config, v string) error { return readNetworks(&c.Directory.Networks, v) },
		},
		{
			Setting{Name: "BECKON_DIRECTORY_TTL", Default: "5m", Help: "how long what a directory answered is good for"},
			func(c *Config, v string) error {
				return readDuration(&c.Directory.TTL, v, minDirectoryTTL, maxDirectoryTTL)
			},
		},
	}
}

func readDirectory(to *[]DirectorySource, value string) error {
	var faults []error
	seen := map[DirectorySource]bool{}
	for i, item := range items(value) {
		source, err := parseDirectory(item)
		if err == nil && seen[source] {
			err = fmt.Errorf("entry %d is written twice", i+1)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		seen[source] = true
		*to = append(*to, source)
	}
	return errors.Join(faults...)
}

// parseDirectory does not quote an address: it may carry a password.
func parseDirectory(item string) (DirectorySource, error) {
	path, isFile := strings.CutPrefix(item, "file:")
	switch {
	case isFile && path != "":
		return DirectorySource{DirectoryFile, path}, nil
	case item == string(DirectoryCometChat):
		return DirectorySource{Kind: DirectoryCometChat}, nil
	case strings.HasPrefix(item, "https:"), strings.HasPrefix(item, "http:"):
		return DirectorySource{DirectoryHTTP, item}, checkDirectoryURL(item)
	}
	return DirectorySource{}, fmt.Errorf("%s is not a directory; write file:PATH, cometchat or https://HOST/PATH/{uid}, such as file:recipients.yaml",
		quote(item))
}

func checkDirectoryURL(item string) error {
	u, err := url.Parse(item)
	switch {
	case err != nil || u.Hostname() == "" || u.Fragment != "" || u.Opaque != "":
		return errors.New("not the address of a directory, such as https://crm.example/contacts/{uid}")
	case u.User != nil:
		return errors.New("the address of a directory must not have a password in it; set BECKON_DIRECTORY_USER or BECKON_DIRECTORY_TOKEN")
	case strings.Count(u.Path, placeholder) != 1 || strings.Count(item, placeholder) != 1:
		return errors.New("the address of a directory must have {uid} once in its path, such as https://crm.example/contacts/{uid}")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("the address of a directory must be https; http would show contacts to everybody on the way, and is for loopback only")
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// readToken takes what can stand in a header.
func readToken(to *Secret, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r < ' ' || r > '~' }) {
		return errors.New("has a space, a line break or a character that is not ASCII in it")
	}
	*to = Secret(value)
	return nil
}

func readBasicUser(to *WebhookUser, value string) error {
	user, password, ok := strings.Cut(value, ":")
	if !ok || user == "" || password == "" {
		return errors.New("not user:password")
	}
	*to = WebhookUser{User: user, Password: Secret(password)}
	return nil
}

// oneHost checks that what is shown to directories is shown to one host only.
func (d Directory) oneHost() error {
	host := ""
	for _, address := range d.addresses(DirectoryHTTP) {
		u, err := url.Parse(address)
		if err != nil {
			continue // told already
		}
		if host != "" && u.Host != host {
			return errors.New("would be shown to several hosts; with a credential, all addresses in BECKON_DIRECTORY must have one host")
		}
		host = u.Host
	}
	return nil
}
