package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

// perPage is how many members a page has; what CometChat's own pages show as the most.
const perPage = 100

// Members are the people in a group, in CometChat's order. ErrTooMany means that there are more than `most`, and is known
// before all of them are read; ErrNotFound that there is no such group.
func (c *Client) Members(ctx context.Context, guid string, most int) ([]relay.User, error) {
	const what = "the members of a group"
	guid = strings.ToLower(guid) // as CometChat does with all uids and guids
	var members []relay.User
	seen := map[string]bool{}
	for page := 1; ; page++ {
		body, err := c.get(ctx, call{
			what: what, host: hostAPI, path: []string{"groups", guid, "members"},
			query: url.Values{"perPage": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)}},
		})
		if err != nil {
			return nil, err
		}
		a, err := read(what, body)
		if err != nil {
			return nil, err
		}
		rows, ok := list(a.Data)
		if !ok {
			return nil, &Error{What: what, Detail: "the answer has no list of people"}
		}
		before := len(members)
		for _, row := range rows {
			if user, ok := cometchat.ReadUser(row); ok && !seen[user.UID] {
				seen[user.UID] = true
				members = append(members, user)
			}
		}
		if len(members) > most {
			return nil, ErrTooMany
		}
		// A page with nobody new is one past the end.
		if len(members) == before || a.last(page, len(rows)) {
			return members, nil
		}
	}
}

// last reports whether a page with so many rows is the last. CometChat's total may be 0 although there are rows, and then
// says nothing, and neither does the number of pages that is made of it.
func (a answer) last(page, rows int) bool {
	p := a.Meta.Pagination
	if p.Total.value > 0 && p.TotalPages.value > 0 && p.TotalPages.value <= int64(page) {
		return true
	}
	full := perPage
	if size := p.PerPage.value; size > 0 && size < perPage {
		full = int(size)
	}
	return rows < full
}

// Joined are the uids of those who took part in a call, in CometChat's order: who was called and did not join is not among
// them. ErrNotFound means that there was no such session.
func (c *Client) Joined(ctx context.Context, sessionID string) ([]string, error) {
	const what = "a call"
	body, err := c.get(ctx, call{what: what, host: hostCalls, path: []string{"calls", sessionID}})
	if err != nil {
		return nil, err
	}
	a, err := read(what, body)
	if err != nil {
		return nil, err
	}
	var session struct {
		SessionID    text `json:"sessionId"`
		Participants []struct {
			UID      text   `json:"uid"`
			IsJoined flag   `json:"isJoined"`
			JoinedAt number `json:"joinedAt"`
		} `json:"participants"`
	}
	sessions, ok := list(a.Data)
	if !ok || len(sessions) != 1 || json.Unmarshal(sessions[0], &session) != nil || session.SessionID == "" {
		return nil, &Error{What: what, Detail: "the answer is no call"}
	}
	var joined []string
	for _, p := range session.Participants {
		if uid := strings.ToLower(string(p.UID)); uid != "" && (bool(p.IsJoined) || p.JoinedAt.value > 0) {
			joined = append(joined, uid)
		}
	}
	return joined, nil
}

// Contact is what CometChat knows of how to reach a user: the name; and phone and address as they are kept there, in whatever
// form, from the first place that has one: the contact details of its notifications, `@private` in the user's metadata,
// the metadata itself. ErrNotFound means that there is no such user.
//
// It is not documented whether the API shows `@private`, nor what it answers where no contact details are kept.
func (c *Client) Contact(ctx context.Context, uid string) (relay.Contact, error) {
	const what = "a user"
	uid = strings.ToLower(uid)
	body, err := c.get(ctx, call{what: what, host: hostAPI, path: []string{"users", uid}})
	if err != nil {
		return relay.Contact{}, err
	}
	a, err := read(what, body)
	if err != nil {
		return relay.Contact{}, err
	}
	user, ok := cometchat.ReadUser(a.Data)
	if !ok || user.UID != uid {
		return relay.Contact{}, &Error{What: what, Detail: "the answer is not that user"}
	}
	details, err := c.contactDetails(ctx, uid)
	if err != nil {
		return relay.Contact{}, err
	}
	var profile struct {
		Metadata object `json:"metadata"`
	}
	_ = json.Unmarshal(a.Data, &profile) // it is an object: a user was read from it
	private := profile.Metadata.object("@private")
	return relay.Contact{
		UID: user.UID, Name: user.Name,
		Email: relay.Email(cmp.Or(details.text("email"), private.text("email"), profile.Metadata.text("email"))),
		Phone: relay.Phone(cmp.Or(details.text("phno"), private.text("contactNumber"), profile.Metadata.text("contactNumber"))),
	}, nil
}

// contactDetails are those that CometChat's notifications keep of a user who exists; empty where there are none.
func (c *Client) contactDetails(ctx context.Context, uid string) (object, error) {
	const what = "a user's contact details"
	body, err := c.get(ctx, call{
		what: what, host: hostAPI, path: []string{"notifications", "v1", "contact-details"}, behalf: uid,
	})
	var refused *Error
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case errors.As(err, &refused) && refused.final():
		return nil, nil // the app may have no notifications; the key was good for the user right before
	case err != nil:
		return nil, err
	}
	a, err := read(what, body)
	if err != nil {
		return nil, err
	}
	var details object
	_ = details.UnmarshalJSON(a.Data) // null and an empty list are none
	return details, nil
}
