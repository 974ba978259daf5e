package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/beckon-relay/beckon/internal/outbound"
)

// MediaHost reports whether an address is that of a file of this app at CometChat: https, the host for files or that for
// pre-signed links of exactly this region, and a path below the app's own. Everything else may be anybody's: a chat user
// chooses the address of an attachment. With a BaseURL, files may be there too.
func (c Config) MediaHost(address string) bool {
	u, err := url.Parse(address)
	return err == nil && c.placeOf(u) != placeNone
}

// MediaHost is that of the client's Config.
func (c *Client) MediaHost(address string) bool { return c.config.MediaHost(address) }

// Signed reports whether an address of a file is a link that is signed, or should be: it works without a key until it is over.
func (c *Client) Signed(address string) bool {
	u, err := url.Parse(address)
	return err == nil && c.config.placeOf(u) == placeSigned
}

// RecordingHost reports whether an address is that of a recording of this app's calls: https, the host for recordings of exactly
// this region, and a path below the app's own, as CometChat's own clients show them. They are handed out without a key.
func (c *Client) RecordingHost(address string) bool {
	u, err := url.Parse(address)
	return err == nil && c.config.recording(u)
}

func (c Config) recording(u *url.URL) bool {
	below := "/" + c.AppID + "/"
	if !c.plain(u) || !strings.HasPrefix(u.Path, below) || u.Path == below {
		return false
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	return strings.TrimSuffix(origin, ":443") == "https://recordings-"+strings.ToLower(c.Region)+".cometchat.io"
}

// plain reports whether an address is read alike by everybody, with names of the app and region that can stand in one. What is
// encoded, or goes up, could be read as another path further on.
func (c Config) plain(u *url.URL) bool {
	return nameForm.MatchString(c.AppID) && nameForm.MatchString(c.Region) && u.User == nil && u.Opaque == "" && u.Fragment == "" &&
		path.Clean(u.Path) == u.Path && !hidden.MatchString(u.EscapedPath())
}

// place is where a file of the app is.
type place int

const (
	placeNone place = iota
	// placeFiles hands files out to who shows the key.
	placeFiles
	// placeSigned hands files out by links that are signed already.
	placeSigned
)

// hidden is an encoded slash or backslash, and what is encoded twice.
var hidden = regexp.MustCompile(`(?i)%2f|%5c|%25[0-9a-f]{2}|\\`)

func (c Config) placeOf(u *url.URL) place {
	below := "/" + c.AppID + "/media/"
	if !c.plain(u) || !strings.HasPrefix(u.Path, below) || u.Path == below {
		return placeNone
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	if base, err := outbound.ParseBaseURL(c.BaseURL); err == nil && base != nil && origin == strings.ToLower(base.Scheme+"://"+base.Host) {
		if u.Query().Has("Signature") {
			return placeSigned
		}
		return placeFiles
	}
	switch region := strings.ToLower(c.Region); strings.TrimSuffix(origin, ":443") {
	case "https://files-" + region + ".cometchat.io":
		return placeFiles
	case "https://media-" + region + ".cometchat.io":
		return placeSigned
	}
	return placeNone
}

// MediaURL gives a link by which a file can be fetched now, without a key: for a file that needs one it is good for five
// minutes; a link that is signed already is given back as it is, for as long as it lasts. The link leads to CometChat in any case.
// ErrForeign means that the address is not one of this app's files, and that nobody was asked.
func (c *Client) MediaURL(ctx context.Context, address string) (string, error) {
	const what = "the link of a file"
	u, err := url.Parse(address)
	if err != nil {
		return "", ErrForeign // which the parser's error would quote
	}
	switch c.config.placeOf(u) {
	case placeNone:
		return "", ErrForeign
	case placeSigned:
		return address, nil
	case placeFiles:
	}
	u.RawQuery = url.Values{"redirect": {"0"}}.Encode() // an old token in it helps nobody
	body, err := c.fetch(ctx, what, u, func(h http.Header) {
		h.Set("appId", c.config.AppID)
		h.Set("apiKey", c.config.APIKey)
	})
	if err != nil {
		return "", err
	}
	a, err := read(what, body)
	if err != nil {
		return "", err
	}
	var link struct {
		URL text `json:"url"`
	}
	if json.Unmarshal(a.Data, &link) != nil || !c.MediaHost(string(link.URL)) {
		return "", &Error{What: what, Detail: "the answer is no link to CometChat's files"}
	}
	return string(link.URL), nil
}
