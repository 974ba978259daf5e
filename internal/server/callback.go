package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"
)

// Callback takes in what a provider reports at one address. All fields must be set.
type Callback struct {
	// Source names it for the Observer: one of a bounded set of names.
	Source string
	// MediaType is what the body must be, in lower case and without parameters.
	MediaType string
	// MaxBody is the largest body that is read, in bytes.
	MaxBody int64
	// Receive returns when what the call says is on disk. It refuses with a *Refusal; any other error is answered as 503
	// without its text. The context ends at the callback's deadline, not when the sender hangs up.
	Receive func(ctx context.Context, call Call) (Reply, error)
}

// Call is a request to a Callback, not yet believed.
type Call struct {
	// URI is path and query as the sender wrote them: signatures cover it. Scheme and host are not in it, since what the
	// sender called is known by the settings only.
	URI    string
	Header http.Header
	// Body is as it came, byte by byte.
	Body []byte
}

// Reply is the answer to a callback that was taken in.
type Reply struct {
	// Status is 200 or another one that means success.
	Status int
	// ContentType and Body are empty for an answer without a body.
	ContentType, Body string
}

const (
	// callbackDeadline for reading and keeping one callback: Twilio gives up after 15 s.
	callbackDeadline = 10 * time.Second
	// maxCallbacks and maxCallbackBodies are how many callbacks are in work at once, and how many bytes of them. They have
	// room of their own: what comes in about messages already sent takes none from new events.
	maxCallbacks      = 128
	maxCallbackBodies = 32 << 20
)

// callbacks takes in what providers report.
type callbacks struct {
	logger   *slog.Logger
	observer Observer
	slots    *semaphore.Weighted
	memory   *semaphore.Weighted
}

func newCallbacks(o PublicOptions) *callbacks {
	return &callbacks{
		logger: o.Logger, observer: o.Observer,
		slots: semaphore.NewWeighted(maxCallbacks), memory: semaphore.NewWeighted(maxCallbackBodies),
	}
}

func (s *callbacks) register(e *echo.Echo, all map[string]Callback) {
	for path, callback := range all {
		e.POST(path, func(c echo.Context) error { return s.post(c, callback) })
	}
}

// post answers a success only for what is kept.
func (s *callbacks) post(c echo.Context, callback Callback) error {
	start := time.Now()
	outcome := OutcomeFailed // stands after a panic
	defer func() {
		if s.observer != nil {
			s.observer.Callback(callback.Source, outcome, time.Since(start))
		}
	}()
	reply, err := s.take(c, callback, start.Add(callbackDeadline))
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		outcome = outcomeOf(refusal)
		if refusal.Status == http.StatusForbidden {
			outcome = OutcomeUnauthorized
		}
		return refusal
	}
	if err != nil {
		s.logger.ErrorContext(c.Request().Context(), "callback not kept", "source", callback.Source, "error", err)
		return &Refusal{
			Status: http.StatusServiceUnavailable, Code: "store_unavailable",
			Message: "the report could not be kept; send it again", RetryAfter: busyRetry,
		}
	}
	outcome = OutcomeAccepted
	if reply.Body == "" {
		return c.NoContent(reply.Status)
	}
	return c.Blob(reply.Status, reply.ContentType, []byte(reply.Body))
}

// take checks the request from its head to its body, and hands it on.
func (s *callbacks) take(c echo.Context, callback Callback, deadline time.Time) (Reply, error) {
	r := c.Request()
	_ = http.NewResponseController(c.Response()).SetReadDeadline(deadline) // as for webhooks
	if err := callback.checkHead(r); err != nil {
		return Reply{}, err
	}
	release, ok := s.reserve(r.ContentLength, callback.MaxBody)
	if !ok {
		return Reply{}, &Refusal{
			Status: http.StatusServiceUnavailable, Code: "overloaded",
			Message: "too many reports are in work; send it again", RetryAfter: busyRetry,
		}
	}
	defer release()
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, callback.MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return Reply{}, callback.tooLarge()
	}
	if err != nil {
		return Reply{}, refuseBody(err)
	}
	// A sender that hung up has still told us.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(r.Context()), deadline)
	defer cancel()
	return callback.Receive(ctx, Call{URI: r.URL.RequestURI(), Header: r.Header, Body: body})
}

// reserve takes a place and room for the body, whose length is -1 where it is not known.
func (s *callbacks) reserve(length, most int64) (release func(), ok bool) {
	if length < 0 {
		length = most
	}
	if !s.slots.TryAcquire(1) {
		return nil, false
	}
	if !s.memory.TryAcquire(length) {
		s.slots.Release(1)
		return nil, false
	}
	return func() {
		s.memory.Release(length)
		s.slots.Release(1)
	}, true
}

func (b Callback) checkHead(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || media != b.MediaType {
		return &Refusal{
			Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Message: "the Content-Type must be " + b.MediaType,
		}
	}
	if err := checkEncoding(r); err != nil {
		return err
	}
	if r.ContentLength > b.MaxBody {
		return b.tooLarge()
	}
	return nil
}

func (b Callback) tooLarge() *Refusal {
	return &Refusal{
		Status: http.StatusRequestEntityTooLarge, Code: "too_large",
		Message: fmt.Sprintf("the body may have %d KiB at the most", b.MaxBody>>10),
	}
}
