package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// People shows and forgets what is kept of one person.
type People interface {
	// Forget refuses with a *Refusal what cannot be. progress is told what is looked through, and how much of it was; it may be
	// called often.
	Forget(ctx context.Context, request ForgetRequest, progress func(what string, done, of int)) (ForgottenView, error)
	// Export writes a JSON document. It refuses with a *Refusal before it writes anything; an error after that leaves the document
	// incomplete.
	Export(ctx context.Context, request ExportRequest, w io.Writer) error
}

// ForgetRequest says whom to forget. As JSON it is the body, without uid and operator.
type ForgetRequest struct {
	UID string `json:"-"`
	By  string `json:"-"`
	// Addresses are known to be theirs beside those of the directory and of kept messages.
	Addresses []string `json:"addresses,omitempty"`
	// DryRun only counts.
	DryRun bool `json:"dry_run,omitempty"`
	// Compact rewrites the database file however large it is.
	Compact bool `json:"compact,omitempty"`
}

// ExportRequest says of whom to show what is kept.
type ExportRequest struct {
	UID, By   string
	Addresses []string
}

// ForgottenView says what was removed, or would be.
type ForgottenView struct {
	DryRun bool `json:"dry_run,omitempty"`
	// Addresses is how many the person is known by.
	Addresses int          `json:"addresses"`
	Removed   RemovedView  `json:"removed"`
	Kept      RemainedView `json:"kept"`
	// Scrubbed says that nothing of what was removed can be read from the database's files.
	Scrubbed bool `json:"scrubbed"`
	// Notes say what is left to do.
	Notes []string `json:"notes,omitempty"`
}

// RemovedView counts what was removed.
type RemovedView struct {
	Events      int `json:"events"`
	Keys        int `json:"event_keys"`
	Alerts      int `json:"alerts"`
	Deliveries  int `json:"deliveries"`
	Attempts    int `json:"attempts"`
	Claims      int `json:"claims"`
	Counters    int `json:"counters"`
	Receipts    int `json:"receipts"`
	Outbox      int `json:"outbox"`
	Preferences int `json:"preferences"`
	// Texts are those of messages to others that told of the person among other things.
	Texts int `json:"texts"`
}

// RemainedView counts what is kept without naming the person, and the alerts of others that are decided anew.
type RemainedView struct {
	Suppressions int `json:"suppressions"`
	Audit        int `json:"audit"`
	Again        int `json:"alerts_of_others_again"`
}

// ForgetLine is a line of the answer to forget: progress until the last, which has one of the others.
type ForgetLine struct {
	Progress  *ProgressView  `json:"progress,omitempty"`
	Forgotten *ForgottenView `json:"forgotten,omitempty"`
	Error     *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// ProgressView says how much of what was looked through.
type ProgressView struct {
	What string `json:"what"`
	Done int    `json:"done"`
	Of   int    `json:"of"`
}

const (
	// maxForget is the largest body of a forget, in bytes, and maxKnown how many addresses it may name.
	maxForget = 64 << 10
	maxKnown  = 100
	// AddressHeader names addresses to an export: unlike the query of a URL, no proxy logs it.
	AddressHeader = "Beckon-Address"
	// maxUID is far longer than CometChat's uids.
	maxUID = 1000
	// progressEvery bounds how often progress is told.
	progressEvery = 200 * time.Millisecond
)

func (a *admin) registerPeople(e *echo.Echo) {
	e.POST("/console/api/people/:uid/forget", a.forget, a.action)
	e.GET("/console/api/people/:uid", a.export, a.action)
}

// whose reads whom a request is about.
func whose(c echo.Context) (string, error) {
	uid := uidOf(c)
	if uid == "" || len(uid) > maxUID {
		return "", &Refusal{Status: http.StatusBadRequest, Code: "bad_uid", Message: "the address names no uid"}
	}
	return uid, nil
}

func (a *admin) forget(c echo.Context) error {
	uid, err := whose(c)
	if err != nil {
		return err
	}
	var request ForgetRequest
	if err = mayReadOrder(c, maxForget, &request, `{"addresses":["+14155550123"],"dry_run":true}`); err != nil {
		return err
	}
	if len(request.Addresses) > maxKnown {
		return tooManyKnown()
	}
	by := operatorOf(c)
	request.UID, request.By = uid, by
	lines := &lines{c: c}
	// What was begun is done, also where whoever asked for it does not wait.
	forgotten, err := a.People.Forget(context.WithoutCancel(c.Request().Context()), request, lines.progress)
	if err == nil {
		if !request.DryRun {
			a.Logger.WarnContext(c.Request().Context(), "a person was forgotten", "by", by, "events", forgotten.Removed.Events,
				"deliveries", forgotten.Removed.Deliveries)
		}
		return lines.write(ForgetLine{Forgotten: &forgotten})
	}
	if err = a.unable(c, err); !lines.begun {
		return err
	}
	refusal := refusalFrom(err)
	line := ForgetLine{Error: &struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{refusal.Code, refusal.Message}}
	return lines.write(line)
}

func tooManyKnown() *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "too_many", Message: fmt.Sprintf("more than %d addresses", maxKnown)}
}

// lines answers by and by, one JSON value on a line. A client that is gone is no error.
type lines struct {
	c     echo.Context
	begun bool
	last  time.Time
}

func (l *lines) progress(what string, done, of int) {
	if now := time.Now(); now.Sub(l.last) >= progressEvery {
		l.last = now
		_ = l.write(ForgetLine{Progress: &ProgressView{What: what, Done: done, Of: of}})
	}
}

func (l *lines) write(line ForgetLine) error {
	if !l.begun {
		l.begun = true
		_ = endless(l.c) // where that cannot be, the answer is cut
		l.c.Response().Header().Set(echo.HeaderContentType, "application/x-ndjson")
		l.c.Response().WriteHeader(http.StatusOK)
	}
	_ = json.NewEncoder(l.c.Response()).Encode(line)
	l.c.Response().Flush()
	return nil
}

func (a *admin) export(c echo.Context) error {
	uid, err := whose(c)
	if err != nil {
		return err
	}
	by := operatorOf(c)
	_ = endless(c) // where that cannot be, the answer is cut, and nobody takes it for whole
	c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	request := ExportRequest{UID: uid, By: by, Addresses: c.Request().Header.Values(AddressHeader)}
	if len(request.Addresses) > maxKnown {
		return tooManyKnown()
	}
	if err = a.People.Export(c.Request().Context(), request, c.Response()); err == nil {
		a.Logger.WarnContext(c.Request().Context(), "what is kept of a person was exported", "by", by)
		return nil
	}
	if err = a.unable(c, err); c.Response().Committed {
		panic(http.ErrAbortHandler) // a document that ends early must not look whole
	}
	return err
}
