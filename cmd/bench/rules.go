package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/loadtest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// manyRules are so many rules of which one wants a mention, each with a condition of its own. Spread, they are for all triggers by turns,
// as in an app that uses them all; otherwise they are all for the trigger that is posted, which is the worst case.
func manyRules(n int, spread bool) string {
	triggers := []relay.Trigger{relay.UserMentioned}
	if spread {
		triggers = slices.Sorted(maps.Keys(cometchat.Catalogue()))
	}
	var text strings.Builder
	text.WriteString("version: 1\nrules:\n")
	text.WriteString("- { name: mention, trigger: user_mentioned, to: mentioned, wait: 1h, urgent: true, send: [ { sms: m } ] }\n")
	for i := 1; i < n; i++ {
		_, _ = fmt.Fprintf(&text, "- {name: r%d,trigger: %s,if: event.app_id==\"%d\",to: {uid: ops},send: [{sms: m}]}\n", i, triggers[i%len(triggers)], i)
	}
	return text.String()
}

// withTemplates gives a relay a folder of its own of templates: files by their path in it.
func (s setup) withTemplates(files map[string]string) error {
	dir := filepath.Join(s.dir, "templates")
	s.env["BECKON_TEMPLATES"] = dir
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// plainText is the template m, with nothing in it that not every trigger carries.
func plainText() map[string]string {
	return map[string]string{"m/sms.txt": "Something happened: {{ .event.trigger }}"}
}

// ruleAcceptors are enough to keep a relay busy, and few enough for ten thousand conditions: a webhook must be answered within 1.8 s.
const ruleAcceptors = 16

// measureRules compares what accepting costs with many rules and with few. It compares processor time, which a busy machine does not
// change as much as the rate.
func measureRules(ctx context.Context, b *bench) (results, error) {
	few, many, same := loadtest.Samples{}, loadtest.Samples{}, loadtest.Samples{}
	for range b.rounds {
		for _, turn := range []struct {
			n      int
			spread bool
			into   *loadtest.Samples
		}{{10, true, &few}, {1000, true, &many}, {1000, false, &same}} {
			seen, _, err := b.rulesOnce(ctx, turn.n, turn.spread)
			if err != nil {
				return results{}, err
			}
			*turn.into = append(*turn.into, us(seen.cpu))
		}
		b.say("accept with 10 rules %.0f µs, 1000 rules %.0f µs, 1000 of the same trigger %.0f µs", few[len(few)-1], many[len(many)-1], same[len(same)-1])
	}
	return results{Goals: []goal{{
		Name: "rules", What: "1,000 rules / 10 rules, accept cost", Bound: 1.15, Samples: many.Over(few),
		Parts: []part{
			{"processor time per event with 10 rules", "µs", few},
			{"with 1,000, spread over all triggers", "µs", many},
			{"with 1,000 for the trigger that is posted", "µs", same},
			{"the worst case: those over 10 rules", "", same.Over(few)},
		},
	}}}, nil
}

// rulesOnce also tells how long the start took.
func (b *bench) rulesOnce(ctx context.Context, n int, spread bool) (_ busy, ready time.Duration, err error) {
	s, err := b.relay(manyRules(n, spread), nowhere())
	if err != nil {
		return busy{}, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if err := s.withTemplates(plainText()); err != nil {
		return busy{}, 0, err
	}
	return b.serveAtLimit(ctx, s, ruleAcceptors)
}

// serveAtLimit starts a relay and posts over so many connections as fast as it takes.
func (b *bench) serveAtLimit(ctx context.Context, s setup, connections int) (_ busy, ready time.Duration, err error) {
	r, err := b.serve(ctx, s)
	if err != nil {
		return busy{}, 0, err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	target, err := b.target(r.Public)
	if err != nil {
		return busy{}, 0, err
	}
	seen, err := b.atLimitOf(ctx, r.Process, target, connections)
	return seen, r.Ready, err
}
