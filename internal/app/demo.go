package app

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tidwall/sjson"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

//go:embed demo/story.yaml
var storyFile []byte

// DemoRecipients is a directory file with the people of the built-in samples.
//
//go:embed demo/recipients.yaml
var DemoRecipients []byte

// demoPatience is how long the demo waits for its alerts beyond what the rules wait for.
const demoPatience = 60 * time.Second

// Demo plays the story of demo/story.yaml through a running relay, by real webhooks.
type Demo struct {
	App *App
	// User and Password are credentials of the webhook.
	User, Password string
	Out            io.Writer
}

type story struct {
	Events []struct {
		At     time.Duration     `yaml:"at"`
		Say    string            `yaml:"say"`
		Sample relay.Trigger     `yaml:"sample"`
		Set    map[string]string `yaml:"set"`
	} `yaml:"events"`
	Promise []ending `yaml:"promise"`
}

// ending is how an alert of the demo is to end.
type ending struct {
	Rule    string           `yaml:"rule"`
	To      string           `yaml:"to"`
	State   relay.AlertState `yaml:"state"`
	Reason  relay.Reason     `yaml:"reason"`
	Channel relay.Channel    `yaml:"channel"`
}

// Play posts the story's webhooks at their times, waits until all alerts have ended, and prints what arrived and what was held
// back. The error says where that is not what the story promises.
func (d *Demo) Play(ctx context.Context) error {
	var s story
	if err := yaml.Unmarshal(storyFile, &s); err != nil {
		return fmt.Errorf("read the demo's story: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, demoPatience+d.App.HurryTo)
	defer cancel()
	start := time.Now()
	fill := strings.NewReplacer("{run}", strconv.FormatInt(start.UnixMilli(), 10), "{now}", strconv.FormatInt(start.Unix(), 10))
	kept := map[string]bool{}
	for _, e := range s.Events {
		if err := wait(ctx, time.Until(start.Add(e.At))); err != nil {
			return err
		}
		id, err := d.post(ctx, e.Sample, filled(e.Set, fill), e.Say)
		if err != nil {
			return err
		}
		kept[id] = true
	}
	d.say("\nWaiting for the alerts to fall due ...\n")
	alerts, err := d.ended(ctx, kept)
	if err != nil {
		return err
	}
	got, err := d.report(ctx, alerts)
	if err != nil {
		return err
	}
	return compare(s.Promise, got)
}

func (d *Demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.Out, format, args...) }

func filled(set map[string]string, fill *strings.Replacer) map[string]string {
	out := make(map[string]string, len(set))
	for path, value := range set {
		out[path] = fill.Replace(value)
	}
	return out
}

// post sends one webhook as CometChat would, and says what was answered.
func (d *Demo) post(ctx context.Context, trigger relay.Trigger, set map[string]string, say string) (string, error) {
	body, ok := cometchat.Sample(trigger)
	if !ok {
		return "", fmt.Errorf("there is no sample of %s", trigger)
	}
	var err error
	for path, value := range set {
		if body, err = sjson.SetBytes(body, path, value); err != nil {
			return "", fmt.Errorf("set %s: %w", path, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+d.App.PublicAddr()+"/webhooks/cometchat", bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("post %s: %w", trigger, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(d.User, d.Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("post %s: %w", trigger, err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end below
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil || response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("post %s: %s: %s", trigger, response.Status, answer)
	}
	var receipt struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &receipt); err != nil {
		return "", fmt.Errorf("post %s: read the answer: %w", trigger, err)
	}
	d.say("%s  %-28s %s\n          %s\n", time.Now().Format(time.TimeOnly), trigger, say, bytes.TrimSpace(answer))
	return receipt.ID, nil
}

// ended waits until every alert of those events has come to an end.
func (d *Demo) ended(ctx context.Context, events map[string]bool) ([]relay.Alert, error) {
	for {
		all, err := d.App.Store().Alerts(ctx, store.Filter{Limit: store.MaxList})
		if err != nil {
			return nil, fmt.Errorf("list alerts: %w", err)
		}
		mine := slices.DeleteFunc(all, func(a relay.Alert) bool { return !events[a.EventID] })
		if !slices.ContainsFunc(mine, func(a relay.Alert) bool { return !a.State.Done() }) {
			slices.SortFunc(mine, func(a, b relay.Alert) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
			return mine, nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return nil, fmt.Errorf("%d alerts have not ended: %w", len(mine), err)
		}
	}
}

// report prints what the outbox really took and what was held back, and returns how each alert ended.
func (d *Demo) report(ctx context.Context, alerts []relay.Alert) ([]ending, error) {
	box, err := d.App.Store().Outbox(ctx, store.OutboxFilter{Limit: store.MaxList})
	if err != nil {
		return nil, fmt.Errorf("list the outbox: %w", err)
	}
	var got []ending
	d.say("What arrived:\n")
	for _, alert := range alerts {
		deliveries, err := d.App.Store().Deliveries(ctx, store.Filter{AlertID: alert.ID})
		if err != nil {
			return nil, fmt.Errorf("list deliveries: %w", err)
		}
		for _, delivery := range deliveries {
			for _, m := range slices.Backward(box) { // as they came in
				if m.DeliveryID == delivery.ID {
					got = append(got, ending{alert.Rule, alert.Recipient.UID, alert.State, "", m.Channel})
					d.show(m.OutboxMessage)
				}
			}
		}
	}
	d.say("\nWhat was held back, and why:\n")
	table := tabwriter.NewWriter(d.Out, 0, 0, 2, ' ', 0)
	for _, alert := range alerts {
		if alert.State == relay.AlertSent {
			continue
		}
		got = append(got, ending{alert.Rule, alert.Recipient.UID, alert.State, alert.Reason, ""})
		_, _ = fmt.Fprintf(table, "  %s\tto %s\t%s: %s\t(%s)\n", alert.Rule, alert.Recipient.UID, alert.State, alert.Reason,
			meaning(alert.Reason))
	}
	_ = table.Flush()
	return got, nil
}

// show prints a message in clear: the people of the demo do not exist.
func (d *Demo) show(m relay.OutboxMessage) {
	if m.Channel == relay.ChannelSMS {
		d.say("  SMS   to %s (%d segment, %s)\n        %s\n", m.Phone.Reveal(), m.Content.Segments, m.Content.Encoding,
			m.Content.Text.Reveal())
		return
	}
	d.say("  Email to %s\n        Subject: %s\n", m.Email.Reveal(), m.Content.Subject.Reveal())
	for line := range strings.Lines(strings.TrimSpace(m.Content.Text.Reveal())) {
		d.say("        | %s", line)
	}
	d.say("\n")
}

func meaning(reason relay.Reason) string {
	for _, doc := range relay.Reasons() {
		if doc.Reason == reason {
			return doc.Meaning
		}
	}
	return "no such reason"
}

// compare holds what happened against the promise, in any order.
func compare(promise, got []ending) error {
	order := func(a, b ending) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.To, b.To), cmp.Compare(a.State, b.State))
	}
	slices.SortFunc(promise, order)
	slices.SortFunc(got, order)
	if !slices.Equal(promise, got) {
		return fmt.Errorf("the demo promises %v, but this happened: %v", promise, got)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
