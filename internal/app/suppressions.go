package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// suppressions are the addresses that must not be written to, for operators.
type suppressions struct{ store store.Store }

// Suppressions implements server.Suppressions.
func (s suppressions) Suppressions(ctx context.Context, query server.SuppressionsQuery) (server.SuppressionsView, error) {
	view := server.SuppressionsView{Suppressions: []server.SuppressionView{}}
	if err := narrows(query); err != nil {
		return view, err
	}
	found, err := s.store.Suppressions(ctx, store.SuppressionFilter{
		Channel: query.Channel, Reason: query.Reason, Before: query.After, Limit: query.Limit,
	})
	if err != nil {
		return view, err
	}
	for _, f := range found {
		view.Suppressions = append(view.Suppressions, suppressionView(f.Suppression, query.Reveal))
	}
	if len(found) == query.Limit {
		view.Next = strconv.FormatInt(found[len(found)-1].Seq, 10)
	}
	if query.Reveal && len(found) > 0 {
		err = s.store.Note(ctx, relay.Audit{
			At: time.Now(), Who: query.By, Action: "reveal suppressions", Subject: fmt.Sprintf("%d addresses", len(found)),
		})
	}
	return view, err
}

func narrows(query server.SuppressionsQuery) error {
	if channels := relay.Channels(); query.Channel != "" && !slices.Contains(channels, query.Channel) {
		return &server.Refusal{
			Status: http.StatusUnprocessableEntity, Code: "unknown_channel",
			Message: fmt.Sprintf("there is no channel %.60q; want one of %q", query.Channel, channels),
		}
	}
	if reasons := relay.SuppressionReasons(); query.Reason != "" && !slices.Contains(reasons, query.Reason) {
		return &server.Refusal{Status: http.StatusUnprocessableEntity, Code: "unknown_reason", Message: wrongReason(query.Reason)}
	}
	return nil
}

func wrongReason(reason relay.Reason) string {
	var names []string
	for _, r := range relay.SuppressionReasons() {
		names = append(names, string(r))
	}
	return fmt.Sprintf("no address is suppressed for %.60q; write one of %s", reason, strings.Join(names, ", "))
}

func suppressionView(s relay.Suppression, reveal bool) server.SuppressionView {
	view := server.SuppressionView{
		Channel: s.Address.Channel(), Address: s.Address.String(), Reason: s.Reason, Source: s.Source, At: s.At,
	}
	if reveal {
		view.Address = s.Address.Reveal()
	}
	return view
}

// ReadSuppression checks one address that is to be suppressed as the relay does. The findings quote no address.
func ReadSuppression(view server.SuppressionView, now time.Time) (relay.Suppression, []server.Finding) {
	s := relay.Suppression{Reason: relay.ReasonOptedOut, Source: relay.SuppressedByOperator, At: now}
	var findings []server.Finding
	var err error
	if s.Address, err = directory.ParseAddress(view.Channel, view.Address); err != nil {
		findings = append(findings, server.Finding{Field: "address", Message: err.Error()})
	}
	if view.Reason != "" {
		s.Reason = view.Reason
	}
	if !slices.Contains(relay.SuppressionReasons(), s.Reason) {
		findings = append(findings, server.Finding{Field: "reason", Message: wrongReason(s.Reason)})
	}
	if !view.At.IsZero() {
		s.At = view.At
	}
	if s.At.After(now.Add(time.Hour)) || s.At.Before(time.Unix(1, 0)) { // clocks differ a little
		findings = append(findings, server.Finding{Field: "at", Message: "this is not a time in the past"})
	}
	return s, findings
}

// Suppress implements server.Suppressions.
func (s suppressions) Suppress(ctx context.Context, order server.SuppressOrder) (server.SuppressedView, error) {
	view := server.SuppressedView{DryRun: order.DryRun}
	all, err := ordered(order)
	if err != nil {
		return view, err
	}
	if order.DryRun {
		view.Known, err = s.known(ctx, all)
		view.Added = len(all) - view.Known
		return view, err
	}
	audit := relay.Audit{At: time.Now(), Who: order.By, Action: "suppress", Subject: suppressionSubject(all[0].Address, all[0].Reason)}
	if len(all) > 1 {
		audit.Subject = fmt.Sprintf("%d addresses", len(all))
	}
	if order.Source == relay.SuppressedByImport {
		audit.Action = "import suppressions"
	}
	view.Added, err = s.store.SuppressAll(ctx, all, audit)
	view.Known = len(all) - view.Added
	return view, err
}

// ordered checks everything that is to be suppressed.
func ordered(order server.SuppressOrder) ([]relay.Suppression, error) {
	source := order.Source
	if source == "" {
		source = relay.SuppressedByOperator
	}
	if n := len(order.Suppressions); n < 1 || n > store.MaxList {
		return nil, &server.Refusal{
			Status: http.StatusUnprocessableEntity, Code: "too_many",
			Message: fmt.Sprintf("these are %d addresses; send 1 to %d at once", n, store.MaxList),
		}
	}
	refusal := &server.Refusal{Status: http.StatusUnprocessableEntity, Code: "bad_suppressions"}
	if source != relay.SuppressedByOperator && source != relay.SuppressedByImport {
		refusal.Findings = append(refusal.Findings, server.Finding{Field: "source", Message: "write operator or import"})
	}
	now := time.Now()
	all := make([]relay.Suppression, 0, len(order.Suppressions))
	for i, view := range order.Suppressions {
		one, findings := ReadSuppression(view, now)
		for _, f := range findings {
			f.Field = fmt.Sprintf("suppressions[%d].%s", i, f.Field)
			refusal.Findings = append(refusal.Findings, f)
		}
		one.Source = source
		all = append(all, one)
	}
	if len(refusal.Findings) == 0 {
		return all, nil
	}
	var messages []string
	const shown = 20
	for _, f := range refusal.Findings[:min(shown, len(refusal.Findings))] {
		messages = append(messages, f.Field+": "+f.Message)
	}
	if more := len(refusal.Findings) - shown; more > 0 {
		messages = append(messages, fmt.Sprintf("and %d more", more))
	}
	refusal.Message = strings.Join(messages, "; ")
	return nil, refusal
}

// known counts those that are suppressed already, whatever for.
func (s suppressions) known(ctx context.Context, all []relay.Suppression) (int, error) {
	addresses := make([]relay.Address, 0, len(all))
	for _, one := range all {
		addresses = append(addresses, one.Address)
	}
	found, err := s.store.Suppressed(ctx, addresses...)
	if err != nil {
		return 0, err
	}
	// Those that stand twice count as known the second time.
	distinct := map[relay.Address]bool{}
	for _, a := range addresses {
		distinct[a] = true
	}
	return len(all) - (len(distinct) - len(found)), nil
}

// Lift implements server.Suppressions. That somebody called a mail spam is the one thing that no slip of the hand takes back: their
// provider counts the next one.
func (s suppressions) Lift(ctx context.Context, order server.LiftOrder) (server.LiftedView, error) {
	view := server.LiftedView{DryRun: order.DryRun}
	address, err := directory.ParseAddress(order.Channel, order.Address)
	if err != nil {
		return view, &server.Refusal{
			Status: http.StatusUnprocessableEntity, Code: "bad_address", Message: "address: " + err.Error(),
			Findings: []server.Finding{{Field: "address", Message: err.Error()}},
		}
	}
	found, err := s.store.Suppressions(ctx, store.SuppressionFilter{Address: address})
	if err != nil {
		return view, err
	}
	if len(found) == 0 {
		return view, notSuppressed(address)
	}
	one := found[0].Suppression
	view.Lifted = suppressionView(one, false)
	if one.Reason == relay.ReasonComplained && !order.Force {
		return view, &server.Refusal{
			Status: http.StatusConflict, Code: "complained",
			Message: fmt.Sprintf("%s reported a mail as spam; another one harms all mails of this sender (force lifts it all the same)", address),
		}
	}
	if order.DryRun {
		return view, nil
	}
	_, err = s.store.Lift(ctx, store.Lift{Address: address, Reasons: []relay.Reason{one.Reason}},
		relay.Audit{At: time.Now(), Who: order.By, Action: "lift", Subject: suppressionSubject(address, one.Reason)})
	if errors.Is(err, store.ErrNotFound) {
		err = notSuppressed(address) // somebody was faster
	}
	return view, err
}

func notSuppressed(address relay.Address) *server.Refusal {
	return &server.Refusal{
		Status: http.StatusNotFound, Code: "not_suppressed", Message: fmt.Sprintf("%s %s is not suppressed", address.Channel(), address),
	}
}
