package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
)

// call carries one request of the SDK and keeps what the SDK would lose of the answer. It implements
// client.BaseClient, and is made anew for every attempt, as it holds the context.
type call struct {
	ctx    context.Context // the SDK's interface has no other way to pass one
	client *Client

	// status is 0 until an answer came.
	status int
	header http.Header
	body   []byte
}

// errNotTaken ends the SDK's part: it need not read an answer that is no message.
var errNotTaken = errors.New("twilio did not take the message")

// AccountSid implements client.BaseClient.
func (c *call) AccountSid() string { return c.client.config.AccountSID }

// SetTimeout implements client.BaseClient: the context has the deadline.
func (c *call) SetTimeout(time.Duration) {}

// SetOauth implements client.BaseClient: not used.
func (c *call) SetOauth(client.OAuth) {}

// OAuth implements client.BaseClient: not used.
func (c *call) OAuth() client.OAuth { return nil }

// SendRequest implements client.BaseClient. The body is read and closed here, whatever the status, so that the
// connection can be used again.
func (c *call) SendRequest(method, rawURL string, data url.Values, headers map[string]any, _ ...byte) (*http.Response, error) {
	req, err := c.request(method, rawURL, data)
	if err != nil {
		return nil, err
	}
	for name, value := range headers {
		req.Header.Set(name, fmt.Sprint(value))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "beckon twilio-go/"+client.LibraryVersion)
	req.SetBasicAuth(c.client.user, c.client.password)
	res, err := c.client.http.Do(req)
	if err != nil {
		return nil, err
	}
	body := res.Body // replaced below
	defer func() { _ = body.Close() }()
	c.status, c.header = res.StatusCode, res.Header
	// What can be read of a body is enough: the status says most, and a half answer is no JSON.
	c.body, _ = io.ReadAll(body)
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, errNotTaken
	}
	res.Body = io.NopCloser(bytes.NewReader(c.body))
	return res, nil
}

// request puts the parameters where the method has them: what is only read has no body.
func (c *call) request(method, rawURL string, data url.Values) (*http.Request, error) {
	if method == http.MethodGet {
		return http.NewRequestWithContext(c.ctx, method, rawURL+"?"+data.Encode(), http.NoBody)
	}
	return http.NewRequestWithContext(c.ctx, method, rawURL, strings.NewReader(data.Encode()))
}

// answer is what Twilio said, as far as it could be read.
type answer struct {
	status int
	// sid of the message, where it was taken.
	sid string
	// code and message of an error; code is 0 where there is none.
	code    int
	message string
}

func (c *call) answer(message *api.ApiV2010Message) answer {
	a := answer{status: c.status}
	if message != nil && message.Sid != nil {
		a.sid = channel.ProviderID(*message.Sid)
	}
	if c.status < 200 || c.status > 299 {
		a.code, a.message = decodeError(c.body)
	}
	return a
}

// decodeError reads Twilio's error object. Of anything else, such as a gateway's page, nothing is kept: it says less than
// the status.
func decodeError(body []byte) (code int, message string) {
	var e struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Code < 0 {
		return 0, ""
	}
	return e.Code, outbound.Scrub(e.Message)
}
