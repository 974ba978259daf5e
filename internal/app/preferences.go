package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// preferences are what is kept of people's wishes, for operators and for the app that they run.
type preferences struct{ app *App }

// Preferences implements server.Preferences.
func (p preferences) Preferences(ctx context.Context, uid string) (server.PreferencesView, error) {
	uid, err := knownUID(uid)
	if err != nil {
		return server.PreferencesView{}, err
	}
	kept, err := p.app.store.Preferences(ctx, uid)
	return preferencesView(kept), err
}

// KeepPreferences implements server.Preferences.
func (p preferences) KeepPreferences(ctx context.Context, change server.PreferencesChange) (server.PreferencesView, error) {
	uid, err := knownUID(change.UID)
	if err != nil {
		return server.PreferencesView{}, err
	}
	wanted, problems := directory.ParsePreferences(change.Body)
	if len(problems) > 0 {
		return server.PreferencesView{}, refusePreferences(problems)
	}
	audit := relay.Audit{At: time.Now(), Who: change.By, Action: "set preferences", Subject: uid}
	kept, err := p.app.store.ChangePreferences(ctx, uid, audit, func(now relay.Preferences) (relay.Preferences, error) {
		if change.Version != "" && change.Version != versionOf(now) {
			return now, store.ErrConflict
		}
		return wanted, nil
	})
	if errors.Is(err, store.ErrConflict) {
		return server.PreferencesView{}, &server.Refusal{
			Status: http.StatusPreconditionFailed, Code: "changed", Message: "they have been changed since; ask for them again",
		}
	}
	view := preferencesView(kept)
	view.Warnings = unknownRules(kept.Mutes, p.app.generation())
	return view, err
}

func knownUID(uid string) (string, error) {
	known, err := directory.ParseUID(uid)
	if err != nil {
		return "", &server.Refusal{Status: http.StatusUnprocessableEntity, Code: "bad_uid", Message: err.Error()}
	}
	return known, nil
}

// refusePreferences is a 400 for what is no JSON object, and else a 422 with each field that is wrong.
func refusePreferences(problems []directory.Problem) *server.Refusal {
	refusal := &server.Refusal{Status: http.StatusUnprocessableEntity, Code: "bad_preferences"}
	var messages []string
	for _, p := range problems {
		refusal.Findings = append(refusal.Findings, server.Finding{Field: p.Field, Message: p.Message})
		if p.Field == "" {
			refusal.Status, refusal.Code = http.StatusBadRequest, "bad_json"
			messages = append(messages, p.Message)
			continue
		}
		messages = append(messages, p.Field+": "+p.Message)
	}
	refusal.Message = strings.Join(messages, "; ")
	return refusal
}

// versionOf tells one state of somebody's preferences from another.
func versionOf(p relay.Preferences) string {
	if p.UpdatedAt.IsZero() {
		return "0"
	}
	return strconv.FormatInt(p.UpdatedAt.UnixMicro(), 10)
}

func preferencesView(p relay.Preferences) server.PreferencesView {
	view := server.PreferencesView{Locale: p.Locale, TimeZone: p.TimeZone, Version: versionOf(p)}
	for _, ch := range p.Channels {
		view.Channels = append(view.Channels, string(ch))
	}
	for _, q := range p.QuietHours {
		view.QuietHours = append(view.QuietHours, server.HoursView{From: hour(q.From), To: hour(q.To)})
	}
	for _, m := range p.Mutes {
		view.Mute = append(view.Mute, server.MuteView(m))
	}
	return view
}

// hour writes minutes after midnight as HH:MM.
func hour(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }
