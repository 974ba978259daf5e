package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/beckon-relay/beckon/internal/outbound"
)

const (
	// callDeadline is how long one request may take, from waiting for its turn to the last byte of the answer.
	callDeadline = 5 * time.Second
	// maxBody bounds an answer, in bytes: a page of a hundred members who all have much metadata.
	maxBody = 4 << 20
	// callsPerSecond is far below the 20,000 a minute that CometChat allows an app, so that three replicas of ours still leave
	// something to the app's own servers.
	callsPerSecond = 100
	callsAtOnce    = 32
	// pauseUnsaid is how long to wait after too many calls where CometChat does not say: what its documentation shows.
	pauseUnsaid = 15 * time.Second
	// maxPause bounds what CometChat may ask us to wait: a clock that is wrong somewhere must not keep us away for a day.
	maxPause = 5 * time.Minute
)

// Config is what a Client is made with.
type Config struct {
	// AppID and Region are the app's: they make the names of the hosts.
	AppID, Region string
	// APIKey is the REST API key of the dashboard, with the scope fullAccess.
	APIKey string
	// BaseURL replaces scheme, host and port of every call; empty leaves them.
	BaseURL string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// CallsPerSecond and CallsAtOnce bound what this process asks; 0 is the usual.
	CallsPerSecond float64
	CallsAtOnce    int
}

// Client asks one app's API. It may be used by many goroutines.
type Client struct {
	config Config
	base   *url.URL
	http   *http.Client
	slots  chan struct{}
	limit  *rate.Limiter
	// pause is what CometChat asked for.
	pause outbound.Pause
}

// nameForm is what ids of apps and regions look like. They become part of a host's name, so nothing else may be in them.
var nameForm = regexp.MustCompile(`^[a-zA-Z0-9-]{1,63}$`)

// New makes a client. The error names every setting that is wrong.
func New(c Config) (*Client, error) {
	base, err := outbound.ParseBaseURL(c.BaseURL)
	var problems []error
	if err != nil {
		problems = append(problems, fmt.Errorf("the base address %w", err))
	}
	if !nameForm.MatchString(c.AppID) {
		problems = append(problems, errors.New("the app id is not one; copy it from CometChat's dashboard"))
	}
	if !nameForm.MatchString(c.Region) {
		problems = append(problems, errors.New("the region is not one, such as us, eu or in"))
	}
	if c.APIKey == "" || strings.ContainsFunc(c.APIKey, notInHeader) {
		problems = append(problems, errors.New("the REST API key is missing, or has a space or a line break in it"))
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("cometchat's API: %w", errors.Join(problems...))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.CallsPerSecond <= 0 {
		c.CallsPerSecond = callsPerSecond
	}
	if c.CallsAtOnce <= 0 {
		c.CallsAtOnce = callsAtOnce
	}
	return &Client{
		config: c, base: base,
		http:  outbound.NewClient(outbound.Options{Base: base, Patience: callDeadline, MaxBody: maxBody}),
		slots: make(chan struct{}, c.CallsAtOnce),
		limit: rate.NewLimiter(rate.Limit(c.CallsPerSecond), max(1, int(c.CallsPerSecond))),
	}, nil
}

// Close lets idle connections go. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// The hosts of the API.
const (
	hostAPI   = "api"
	hostCalls = "call"
)

// call is one request.
type call struct {
	// what says in an error what was asked: "the members of a group".
	what string
	// host is hostAPI or hostCalls; path are its segments below /v3, which may hold ids of any kind.
	host  string
	path  []string
	query url.Values
	// behalf is the uid on whose behalf it is asked, if any.
	behalf string
}

// get makes a call and gives the answer's body. The error is ErrNotFound or an *Error.
func (c *Client) get(ctx context.Context, call call) ([]byte, error) {
	for _, id := range append(call.path, call.behalf) {
		if id != "" && !usable(id) {
			return nil, fmt.Errorf("ask CometChat for %s: %w", call.what, ErrNotFound) // nobody has such an id
		}
	}
	address := url.URL{
		Scheme: "https", Host: c.config.AppID + "." + call.host + "-" + c.config.Region + ".cometchat.io",
		RawQuery: call.query.Encode(),
	}
	address.Path = "/v3/" + strings.Join(call.path, "/")
	return c.fetch(ctx, call.what, &address, func(h http.Header) {
		h.Set("apikey", c.config.APIKey)
		if call.behalf != "" {
			h.Set("onBehalfOf", call.behalf)
		}
	})
}

// fetch makes a request within all limits.
func (c *Client) fetch(ctx context.Context, what string, address *url.URL, headers func(http.Header)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	if err := c.turn(ctx, what); err != nil {
		return nil, err
	}
	defer func() { <-c.slots }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, &Error{What: what, Detail: "the address cannot be asked"}
	}
	request.Header.Set("Accept", "application/json")
	headers(request.Header)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &Error{What: what, Detail: outbound.Explain(err)}
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, &Error{What: what, Status: response.StatusCode, Detail: outbound.Explain(err)}
	}
	if response.StatusCode == http.StatusOK {
		return body, nil
	}
	return nil, c.refusal(what, response, body)
}

// turn waits until one more call may be made, and takes a slot for it.
func (c *Client) turn(ctx context.Context, what string) error {
	if err := c.paused(what); err != nil {
		return err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return &Error{What: what, Detail: "no room among our calls to CometChat", busy: true}
	}
	err := c.limit.Wait(ctx)
	if err != nil {
		err = &Error{What: what, Detail: "our own limit of calls to CometChat is reached", busy: true}
	} else {
		err = c.paused(what) // by what came while this one waited
	}
	if err != nil {
		<-c.slots
	}
	return err
}

// paused is the error for a call that CometChat does not want now; nil where it may be made.
func (c *Client) paused(what string) error {
	until, on := c.pause.On(c.config.Now())
	if !on {
		return nil
	}
	return &Error{What: what, Status: http.StatusTooManyRequests, Until: until, Detail: "CometChat asked for a pause"}
}

// usable reports whether an id can be one of CometChat's and is safe as a segment of a path and as a header.
func usable(id string) bool {
	const longest = 255
	return len(id) <= longest && strings.Trim(id, ".") != "" && !strings.ContainsFunc(id, func(r rune) bool {
		return notInHeader(r) || r == '/' || r == '\\' || r == '%' || r == '?' || r == '#'
	})
}

func notInHeader(r rune) bool { return r <= ' ' || r > '~' }
