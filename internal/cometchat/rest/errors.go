package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/outbound"
)

// ErrNotFound means that CometChat answered that there is no such user, group, message or session.
var ErrNotFound = errors.New("CometChat knows none such")

// ErrTooMany means that there are more people than were asked for at the most.
var ErrTooMany = errors.New("more people than allowed")

// ErrForeign means that an address is not one of this app's files at CometChat.
var ErrForeign = errors.New("not a file of this app at CometChat")

// Error is a call that brought no answer to use. It is worth another try later, unless the settings are wrong. It holds no id,
// address or key.
type Error struct {
	// What was asked for.
	What string
	// Status is that of the answer, 0 without one; Code CometChat's own, such as AUTH_ERR_APIKEY_NOT_FOUND.
	Status int
	Code   string
	Detail string
	// Until is when CometChat wants calls again; zero where it did not say.
	Until time.Time

	busy bool
}

// Busy reports whether the call was not made because of our own limits, so that it says nothing about CometChat.
func (e *Error) Busy() bool { return e.busy }

// Error implements error.
func (e *Error) Error() string {
	var said []string
	if e.Status != 0 {
		said = append(said, strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		said = append(said, e.Code)
	}
	text := "ask CometChat for " + e.What
	if len(said) > 0 {
		text += ": " + strings.Join(said, " ")
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if !e.Until.IsZero() {
		text += ", not before " + e.Until.UTC().Format(time.RFC3339)
	}
	return text
}

// final reports whether CometChat itself refused, and will again: not something on the way, not the key, not too many calls.
func (e *Error) final() bool {
	return e.Status >= http.StatusBadRequest && e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests &&
		e.Code != "" && !strings.HasPrefix(e.Code, "AUTH_")
}

// missing are the codes that say that the one thing asked for is not there. Others end in NOT_FOUND too, such as that of a
// wrong key: taken for an answer, they would suppress every alert there is.
var missing = []string{
	"ERR_UID_NOT_FOUND", "ERR_GUID_NOT_FOUND", "ERR_MSG_NOT_FOUND", "ERR_MESSAGE_NOT_FOUND", "ERR_CALL_SESSION_NOT_FOUND",
	"ERR_CONVERSATION_NOT_FOUND",
}

var codeForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]{2,63}$`)

// refusal turns an answer that is no success into an error, and heeds the pause it may ask for.
func (c *Client) refusal(what string, response *http.Response, body []byte) error {
	e := &Error{What: what, Status: response.StatusCode, Code: codeOf(body)}
	switch {
	case e.Status == http.StatusTooManyRequests:
		e.Until, e.Detail = c.hold(response.Header), "too many calls"
	case slices.Contains(missing, e.Code):
		return fmt.Errorf("ask CometChat for %s: %s: %w", what, e.Code, ErrNotFound)
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, strings.HasPrefix(e.Code, "AUTH_ERR"):
		e.Detail = "CometChat refuses COMETCHAT_API_KEY; it must be a REST API key of this app with the scope fullAccess"
	case e.Status >= http.StatusMultipleChoices && e.Status < http.StatusBadRequest:
		e.Detail = "redirects are not followed; are COMETCHAT_APP_ID and COMETCHAT_REGION right?"
	case e.Code == "" && e.Status < http.StatusInternalServerError:
		e.Detail = "not an answer of CometChat's API; are COMETCHAT_APP_ID and COMETCHAT_REGION right?"
	}
	return e
}

func codeOf(body []byte) string {
	var answer struct {
		Error struct {
			Code text `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || !codeForm.MatchString(string(answer.Error.Code)) {
		return ""
	}
	return string(answer.Error.Code)
}

// hold notes until when CometChat wants no calls: the later of what its two headers say.
func (c *Client) hold(h http.Header) time.Time {
	now := c.config.Now()
	wait := outbound.RetryAfter(h, now)
	if at, err := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64); err == nil {
		wait = max(wait, time.Unix(at, 0).Sub(now))
	}
	if wait <= 0 {
		wait = pauseUnsaid
	}
	return c.pause.Hold(now.Add(min(wait, maxPause)))
}
