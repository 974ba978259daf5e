package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// overviewView is how the relay does, in words first.
type overviewView struct {
	view.Overview

	// Tone is good, wait or bad, and Headline one sentence; Worries are what an operator may have to do something about.
	Tone, Headline string
	Worries        []string
	Plots          []plotView
	// PausedAll says that everything is paused.
	PausedAll bool
	Rows      []channelRow
	// Last is the Span as a filter of a list has it.
	Last string
	// Met are the triggers that were seen or that rules want, these first; Others are known, and neither.
	Met, Others []view.TriggerSeen
	// Came says that any event ever did, as far as is known.
	Came bool
	// Silent are triggers that rules want and nobody saw.
	Silent []view.TriggerSeen
}

// Failed is how many did not arrive.
func (r channelRow) Failed() int { return r.Died + r.Undelivered }

// channelRow is a channel of the overview.
type channelRow struct {
	view.ChannelView

	Paused                             bool
	Sent, Delivered, Undelivered, Died int
	Waits, InDoubt                     int
}

// overview is the first page.
func (k *console) overview(c echo.Context) error {
	o, err := k.Overview.Overview(c.Request().Context())
	if err != nil {
		return err
	}
	return k.show(c, http.StatusOK, "overview.html", page{Title: "Overview", Nav: "/", Live: true, Data: viewOf(o)})
}

func viewOf(o view.Overview) overviewView {
	v := overviewView{Overview: o, Last: strconv.Itoa(int(o.Span/time.Hour)) + "h"}
	for _, s := range o.Series {
		v.Plots = append(v.Plots, plotOf(s))
	}
	for _, p := range o.Pauses {
		v.PausedAll = v.PausedAll || p.Channel == "" && p.Rule == ""
	}
	for _, ch := range o.Channels {
		paused := slices.ContainsFunc(o.Pauses, func(p view.Pause) bool { return p.Rule == "" && p.Channel == ch.Channel })
		v.Rows = append(v.Rows, rowOf(ch, paused))
	}
	for _, t := range o.Triggers {
		if t.LastAt.IsZero() && len(t.Wanted) > 0 {
			v.Silent = append(v.Silent, t)
		}
		if t.LastAt.IsZero() && len(t.Wanted) == 0 {
			v.Others = append(v.Others, t)
		} else {
			v.Met = append(v.Met, t)
			v.Came = v.Came || !t.LastAt.IsZero()
		}
	}
	slices.SortStableFunc(v.Met, func(a, b view.TriggerSeen) int { return min(1, len(b.Wanted)) - min(1, len(a.Wanted)) })
	v.judge()
	return v
}

// rowOf adds up what an operator asks of a channel.
func rowOf(ch view.ChannelView, paused bool) channelRow {
	total := func(states ...relay.DeliveryState) (n int) {
		for _, s := range states {
			n += ch.Totals[string(s)]
		}
		return n
	}
	return channelRow{
		ChannelView: ch, Paused: paused,
		Sent: total(relay.DeliverySent, relay.DeliveryDelivered, relay.DeliveryUndelivered), Delivered: total(relay.DeliveryDelivered),
		Undelivered: total(relay.DeliveryUndelivered), Died: total(relay.DeliveryDead),
		Waits:   ch.Waiting[string(relay.DeliveryQueued)] + ch.Waiting[string(relay.DeliverySending)],
		InDoubt: ch.Waiting[string(relay.DeliveryUnknown)],
	}
}

// judge says in words how it stands, the worst first.
func (v *overviewView) judge() {
	v.Tone, v.Headline = "good", "All is well"
	worry := func(tone, format string, args ...any) {
		v.Worries = append(v.Worries, fmt.Sprintf(format, args...))
		if v.Tone != "bad" {
			v.Tone = tone
		}
	}
	if v.Config.Refused != "" {
		worry("bad", "The last reload was refused, so the older rules stay in force.")
	}
	for _, row := range v.Rows {
		if row.Stopped != "" {
			worry("bad", "%s: %s sends nothing (%s). It goes on after a reload once that is mended.", channelName(row.Channel), row.Provider, row.Stopped)
		}
	}
	for _, p := range v.Pauses {
		worry("wait", "%s is paused%s.", sentenceStart(subject(p)), byWhomSince(p))
	}
	switch {
	case v.PausedAll:
		v.Headline = "Everything is paused"
	case v.Tone == "bad":
		v.Headline = "Something needs you"
	case len(v.Pauses) > 0:
		v.Headline = "Running, with something paused"
	}
}

func byWhomSince(p view.Pause) string {
	out := ""
	if p.By != "" {
		out += " by " + p.By
	}
	if !p.At.IsZero() {
		out += " since " + stampOf(p.At)
	}
	return out
}

func subject(p view.Pause) string {
	switch {
	case p.Channel == "" && p.Rule == "":
		return "everything"
	case p.Rule == "":
		return channelName(p.Channel)
	case p.Channel == "":
		return "the rule " + p.Rule
	}
	return "the rule " + p.Rule + " on " + channelName(p.Channel)
}

func sentenceStart(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// switchView is the question before something is paused or resumed.
type switchView struct {
	view.Pause

	Subject string
	Resume  bool
}

func pauseFrom(c echo.Context) view.Pause {
	return view.Pause{Channel: relay.Channel(c.FormValue("channel")), Rule: c.FormValue("rule")}
}

func (k *console) pauseForm(c echo.Context) error {
	p := pauseFrom(c)
	s := subject(p)
	return k.show(c, http.StatusOK, "switch.html", page{Title: "Pause " + s + "?", Nav: "/", Data: switchView{Pause: p, Subject: s}})
}

func (k *console) resumeForm(c echo.Context) error {
	p := pauseFrom(c)
	s := subject(p)
	return k.show(c, http.StatusOK, "switch.html", page{Title: "Resume " + s + "?", Nav: "/", Data: switchView{Pause: p, Subject: s, Resume: true}})
}

func (k *console) pause(c echo.Context) error {
	p := pauseFrom(c)
	p.By, p.At = personOf(c).Name, k.Now()
	if err := k.Switches.Pause(c.Request().Context(), p); err != nil {
		return err
	}
	return see(c, root+"/", "paused", 0)
}

func (k *console) resume(c echo.Context) error {
	p := pauseFrom(c)
	p.By, p.At = personOf(c).Name, k.Now()
	woken, err := k.Switches.Resume(c.Request().Context(), p)
	if err != nil {
		return err
	}
	return see(c, root+"/", "resumed", woken)
}
