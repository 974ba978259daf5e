package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// measureRulesCurve finds out what rules cost that do not match.
func measureRulesCurve(ctx context.Context, b *bench) (results, error) {
	c := curve{Name: "rules", What: "with rules, of which one matches", X: "rules"}
	most := 10_000
	if b.quick {
		most = 1000
	}
	for range b.few() {
		for _, n := range sizes(1, most) {
			for name, spread := range map[string]bool{"spread over all triggers": true, "all for the trigger that is posted": false} {
				seen, ready, err := b.rulesOnce(ctx, n, spread)
				if err != nil {
					return results{}, err
				}
				c.add("accept, "+name, "µs", float64(n), us(seen.cpu))
				c.add("start to ready, "+name, "ms", float64(n), ms(ready))
			}
		}
	}
	return results{Curves: []curve{c}}, nil
}

// mailAtOnce mails everybody who is mentioned, without a wait.
const mailAtOnce = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, limits: off, send: [ { email: m } ] }
`

// measureTemplates finds out what long mails cost.
func measureTemplates(ctx context.Context, b *bench) (_ results, err error) {
	c := curve{Name: "templates", What: "with the size of a mail's template", X: "bytes of the text and of the HTML each"}
	p, sink, err := b.sink(ctx)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	most := 100_000
	if b.quick {
		most = 10_000
	}
	for range b.few() {
		for _, n := range sizes(100, most) {
			rate, cpu, err := b.mailOnce(ctx, sink, n)
			if err != nil {
				return results{}, err
			}
			c.add("processor time of a mail", "µs", float64(n), cpu)
			c.add("time of a mail at the limit", "µs", float64(n), 1e6/rate)
			b.say("mails of %d bytes: %.0f/s, %.0f µs of a processor each", n, rate, cpu)
		}
	}
	return results{Curves: []curve{c}}, nil
}

// mailOnce delivers mails whose template has so many bytes, with a field in every hundred.
func (b *bench) mailOnce(ctx context.Context, sink loadtest.SinkClient, size int) (rate, cpu float64, err error) {
	s, err := b.relay(mailAtOnce, sink)
	if err != nil {
		return 0, 0, err
	}
	const line = "The bus leaves at eight, and {{ .event.sender.name }} would like to know whether you are coming along.\n"
	body := strings.Repeat(line, max(1, size/len(line)))
	err = s.withTemplates(map[string]string{
		"m/email.subject.txt": "{{ .event.sender.name }} mentioned you", "m/email.txt": "{{ .event.message.text }}\n" + body,
		"m/email.html": "<!doctype html><html><body><p>{{ .event.message.text }}</p><p>" + strings.ReplaceAll(body, "\n", "</p>\n<p>") + "</p></body></html>",
	})
	if err != nil {
		return 0, 0, errors.Join(err, os.RemoveAll(s.dir))
	}
	return b.delivering(ctx, s, sink, nil)
}

// fewAcceptors are enough to keep a relay busy with webhooks that make many alerts each; more would only wait until they are refused.
const fewAcceptors = 4

// measureRecipients finds out what an event costs that tells many people.
func measureRecipients(ctx context.Context, b *bench) (results, error) {
	c := curve{Name: "recipients", What: "with the people that one event tells", X: "people mentioned"}
	most := 1000
	if b.quick {
		most = 100
	}
	for range b.few() {
		for _, n := range sizes(1, most) {
			seen, err := b.recipientsOnce(ctx, n)
			if err != nil {
				return results{}, err
			}
			c.add("accept, processor time", "µs", float64(n), us(seen.cpu))
			c.add("accept, p50 with 4 connections", "ms", float64(n), ms(seen.Latency.Quantile(0.5)))
			b.say("%d people: %.0f µs of a processor each, %s", n, us(seen.cpu), seen.Latency)
		}
	}
	return results{Curves: []curve{c}}, nil
}

func (b *bench) recipientsOnce(ctx context.Context, n int) (_ busy, err error) {
	s, err := b.relay(holding, nowhere())
	if err != nil {
		return busy{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	r, err := b.serve(ctx, s)
	if err != nil {
		return busy{}, err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	what := func(address string) (*loadtest.Template, error) { return b.mentionOf(address, n) }
	template, err := what(r.Public)
	if err != nil {
		return busy{}, err
	}
	made, err := loadtest.Alerts(ctx, r.Public, template, b.next.Add(1))
	if err == nil && made != n {
		err = fmt.Errorf("a webhook that mentions %d people made %d alerts", n, made)
	}
	if err != nil {
		return busy{}, err
	}
	target, err := b.posting(what, r.Public)
	if err != nil {
		return busy{}, err
	}
	return b.atLimitOf(ctx, r.Process, target, fewAcceptors)
}
