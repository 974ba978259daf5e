package loadtest

import (
	"bytes"
	"fmt"
	"strconv"
)

// Slot is a place in a request where a number goes, that of the request or one made of it.
type Slot struct {
	// Mark is how the place is written in the body. It occurs at least once, and the number has as many digits as it has bytes.
	Mark string
	// Of gives the number for the n-th request; only its last digits are written.
	Of func(n int64) int64
}

// Template is an HTTP request that is written often, with other numbers in it each time. It takes next to no time to fill, so that what
// is measured is not the generator. It does not change, and may be used by many.
type Template struct {
	raw    []byte
	places []place
}

type place struct {
	at, digits int
	of         func(n int64) int64
}

// Head is what stands before the body.
type Head struct {
	// Host and Path are where it goes, Authorization the whole value of that header; empty leaves it out.
	Host, Path, Authorization string
}

// NewTemplate makes a POST of JSON. The error names a slot that has no place.
func NewTemplate(head Head, body []byte, slots ...Slot) (*Template, error) {
	var raw bytes.Buffer
	_, _ = fmt.Fprintf(&raw, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", head.Path, head.Host, len(body))
	if head.Authorization != "" {
		_, _ = fmt.Fprintf(&raw, "Authorization: %s\r\n", head.Authorization)
	}
	raw.WriteString("\r\n")
	start := raw.Len()
	raw.Write(body)
	t := &Template{raw: raw.Bytes()}
	for _, s := range slots {
		found := false
		for at := start; s.Mark != ""; {
			i := bytes.Index(t.raw[at:], []byte(s.Mark))
			if i < 0 {
				break
			}
			t.places = append(t.places, place{at: at + i, digits: len(s.Mark), of: s.Of})
			found, at = true, at+i+len(s.Mark)
		}
		if !found {
			return nil, fmt.Errorf("make a request: %q is not in the body", s.Mark)
		}
	}
	return t, nil
}

// Append appends the n-th request.
func (t *Template) Append(to []byte, n int64) []byte {
	start := len(to)
	to = append(to, t.raw...)
	var digits [20]byte
	for _, p := range t.places {
		text := strconv.AppendInt(digits[:0], p.of(n), 10)
		field := to[start+p.at : start+p.at+p.digits]
		for i := range field {
			field[i] = '0'
		}
		if over := len(text) - len(field); over > 0 {
			text = text[over:]
		}
		copy(field[len(field)-len(text):], text)
	}
	return to
}

// Body is that of the n-th request.
func (t *Template) Body(n int64) []byte {
	_, body, _ := bytes.Cut(t.Append(nil, n), []byte("\r\n\r\n"))
	return body
}
