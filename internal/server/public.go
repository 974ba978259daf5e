package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"

	"github.com/beckon-relay/beckon/internal/telemetry"
)

const (
	// maxBody is the largest webhook that is read, in bytes.
	maxBody = 1 << 20
	// maxBodies is how many bytes of webhooks are held at once, so that memory stays flat under large ones.
	maxBodies = 64 << 20
	// defaultMaxWaiting and defaultDeadline stand for a zero in PublicOptions.
	defaultMaxWaiting = 512
	defaultDeadline   = 1800 * time.Millisecond
	// busyRetry is how long a sender is asked to wait when there is no room.
	busyRetry = 2 * time.Second
)

// PublicOptions configures the public listener's handler.
type PublicOptions struct {
	Intake Intake
	// Users may post webhooks. Without any, every post is answered 401.
	Users []Credential
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// MaxWaiting is how many webhooks may be in work at once; one more is answered 503. 0 means 512.
	MaxWaiting int
	// Deadline for reading and keeping one webhook. 0 means 1.8 s: CometChat gives up after 2 s.
	Deadline time.Duration
	// Unsubscriber serves unsubscribe links; nil where there is no key to verify them with, and nothing at their address.
	Unsubscriber Unsubscriber
	// Media serves links to files; nil where there are none, and nothing at their address.
	Media Media
	// Callbacks are where providers report, by path. There is nothing at the path of one that is not configured.
	Callbacks map[string]Callback
	Logger    *slog.Logger
	// Observer may be nil.
	Observer Observer
	// Tracer makes a span of each request; nil makes none.
	Tracer *telemetry.Tracer
}

// NewPublic makes the handler of the public listener: POST /webhooks/cometchat, GET and POST /u/<token>, GET /m/<token>, POST to
// each of the Callbacks.
func NewPublic(o PublicOptions) http.Handler {
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = defaultMaxWaiting
	}
	if o.Deadline <= 0 {
		o.Deadline = defaultDeadline
	}
	w := &webhooks{
		intake: o.Intake, users: newCredentials(o.Users), deadline: o.Deadline, logger: o.Logger, observer: o.Observer,
		slots: semaphore.NewWeighted(int64(o.MaxWaiting)), memory: semaphore.NewWeighted(maxBodies),
	}
	e := newEdge(o.Logger, o.TrustedProxies, o.Tracer)
	e.POST("/webhooks/cometchat", w.post)
	if o.Unsubscriber != nil {
		(&unsubscribing{who: o.Unsubscriber, pages: newPages(), logger: o.Logger}).register(e)
	}
	if o.Media != nil {
		(&mediaLinks{media: o.Media, pages: newPages(), logger: o.Logger}).register(e)
	}
	newCallbacks(o).register(e, o.Callbacks)
	return e
}

// webhooks takes in what CometChat posts.
type webhooks struct {
	intake   Intake
	users    credentials
	deadline time.Duration
	logger   *slog.Logger
	observer Observer
	slots    *semaphore.Weighted
	memory   *semaphore.Weighted
}

// post answers 200 only for what is kept.
func (w *webhooks) post(c echo.Context) error {
	start := time.Now()
	trigger, outcome := "", OutcomeFailed // stands after a panic
	defer func() {
		if w.observer != nil {
			w.observer.Webhook(c.Request().Context(), trigger, outcome, time.Since(start))
		}
	}()
	receipt, err := w.take(c, start.Add(w.deadline))
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		outcome = outcomeOf(refusal)
		return refusal
	}
	if err != nil {
		w.logger.ErrorContext(c.Request().Context(), "webhook not kept", "error", err)
		return &Refusal{
			Status: http.StatusServiceUnavailable, Code: "store_unavailable",
			Message: "the event could not be kept; send it again", RetryAfter: busyRetry,
		}
	}
	trigger, outcome = receipt.Trigger, OutcomeAccepted
	if receipt.Duplicate {
		outcome = OutcomeDuplicate
	}
	return answerReceipt(c, receipt)
}

func answerReceipt(c echo.Context, receipt Receipt) error {
	if receipt.Empty {
		return c.NoContent(http.StatusOK)
	}
	return c.JSON(http.StatusOK, struct {
		ID        string `json:"id"`
		Duplicate bool   `json:"duplicate"`
		Alerts    int    `json:"alerts"`
	}{receipt.ID, receipt.Duplicate, receipt.Alerts})
}

// take checks the request from its head, which costs nothing, to its body, and hands the body to the intake.
func (w *webhooks) take(c echo.Context, deadline time.Time) (Receipt, error) {
	r := c.Request()
	// Bounds a sender that dribbles, also where the server drains the body of a refused request. An HTTP server without
	// deadlines, as in a test, is no reason to refuse.
	_ = http.NewResponseController(c.Response()).SetReadDeadline(deadline)
	if !w.users.match(r) {
		return Receipt{}, unauthorized(c)
	}
	if err := checkHead(r); err != nil {
		return Receipt{}, err
	}
	release, ok := w.reserve(r.ContentLength)
	if !ok {
		return Receipt{}, &Refusal{
			Status: http.StatusServiceUnavailable, Code: "overloaded",
			Message: "too many webhooks are in work; send it again", RetryAfter: busyRetry,
		}
	}
	defer release()
	// The writer below Echo's is what lets net/http close the connection instead of draining a body that is too large.
	body, err := readAll(http.MaxBytesReader(c.Response().Writer, r.Body, maxBody), r.ContentLength)
	if err != nil {
		return Receipt{}, refuseBody(err)
	}
	// A sender that hung up would post again: what has been read is kept all the same.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(r.Context()), deadline)
	defer cancel()
	return w.intake.Accept(ctx, body)
}

// readAll reads a body whose length is known, or -1.
func readAll(body io.Reader, length int64) ([]byte, error) {
	var buffer bytes.Buffer
	buffer.Grow(int(max(0, length)) + bytes.MinRead) // the last read is the one that finds the end
	_, err := buffer.ReadFrom(body)
	return buffer.Bytes(), err
}

// reserve takes a place among the webhooks in work and room for the body, whose length is -1 where it is not known.
func (w *webhooks) reserve(length int64) (release func(), ok bool) {
	if length < 0 {
		length = maxBody
	}
	if !w.slots.TryAcquire(1) {
		return nil, false
	}
	if !w.memory.TryAcquire(length) {
		w.slots.Release(1)
		return nil, false
	}
	return func() {
		w.memory.Release(length)
		w.slots.Release(1)
	}, true
}

// checkHead refuses by the headers alone. CometChat has been seen to send "Application/json": case does not matter.
func checkHead(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || media != echo.MIMEApplicationJSON {
		return &Refusal{
			Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Message: "the Content-Type must be application/json",
		}
	}
	if err := checkEncoding(r); err != nil {
		return err
	}
	if r.ContentLength > maxBody {
		return tooLarge()
	}
	return nil
}

func checkEncoding(r *http.Request) error {
	encoding := r.Header.Get(echo.HeaderContentEncoding)
	if encoding == "" || strings.EqualFold(encoding, "identity") {
		return nil
	}
	return &Refusal{
		Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding",
		Message: "the body must come without Content-Encoding",
	}
}

func refuseBody(err error) *Refusal {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	return &Refusal{
		Status: http.StatusBadRequest, Code: "incomplete_body", Message: "the body ended early or came too slowly",
	}
}

func tooLarge() *Refusal {
	return &Refusal{
		Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "the body may have 1 MiB at the most",
	}
}
