package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/loadtest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Marks of the places where a webhook has a number: its own, that of who is told, that of who did it.
const (
	numberMark = "############"
	readerMark = "@@@@"
	writerMark = "%%%%"
)

// mention is a webhook in which somebody mentions one of the people, with a number of its own.
func (b *bench) mention(address string) (*loadtest.Template, error) {
	body, err := numbered(relay.UserMentioned, "1041", "the bus leaves")
	if err != nil {
		return nil, err
	}
	return webhook(address, body, readers())
}

// message is a webhook of a message to one of the people.
func (b *bench) message(address string) (*loadtest.Template, error) {
	body, err := numbered(relay.MessageSent, "1040", "Are you coming")
	if err != nil {
		return nil, err
	}
	return webhook(address, body, readers())
}

// mentionOf is a webhook that mentions so many people.
func (b *bench) mentionOf(address string, n int) (*loadtest.Template, error) {
	body, err := numbered(relay.UserMentioned, "1041", "the bus leaves")
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	mentions := map[string]any{}
	for i := range n {
		uid := fmt.Sprintf("reader-%04d", i)
		mentions[uid] = map[string]any{"uid": uid, "name": fmt.Sprint("Reader ", i)}
	}
	field := all
	for _, name := range []string{"data", "message", "data"} {
		next, ok := field[name].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the sample of a mention has no %s", name)
		}
		field = next
	}
	field["mentions"] = mentions
	if body, err = json.Marshal(all); err != nil {
		return nil, err
	}
	return webhook(address, body, readers())
}

// numbered is a sample with marks in place of its message's id and its people, and its number before some words of its text.
func numbered(trigger relay.Trigger, id, words string) ([]byte, error) {
	body, ok := cometchat.Sample(trigger)
	if !ok {
		return nil, fmt.Errorf("there is no sample of %s", trigger)
	}
	for _, change := range [][2]string{
		{"cometchat-uid-1", "writer-" + writerMark},
		{"cometchat-uid-2", "reader-" + readerMark},
		{id, numberMark},
		{words, loadtest.NumberMark + numberMark + " " + words},
	} {
		if !bytes.Contains(body, []byte(change[0])) {
			return nil, fmt.Errorf("the sample of %s has no %q any more", trigger, change[0])
		}
		body = bytes.ReplaceAll(body, []byte(change[0]), []byte(change[1]))
	}
	return body, nil
}

func readers() loadtest.Slot {
	return loadtest.Slot{Mark: readerMark, Of: func(n int64) int64 { return n % people }}
}

func webhook(address string, body []byte, more ...loadtest.Slot) (*loadtest.Template, error) {
	return loadtest.NewTemplate(loadtest.Head{
		Host: address, Path: loadtest.WebhookPath, Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(webhookUser)),
	}, body, append(more,
		loadtest.Slot{Mark: numberMark, Of: func(n int64) int64 { return loadtest.FirstNumber + n }},
		loadtest.Slot{Mark: writerMark, Of: func(n int64) int64 { return n * 7 / 3 % people }},
	)...)
}

// target posts mentions to addresses, its connections by turns to one after the other.
func (b *bench) target(addresses ...string) (loadtest.Target, error) {
	return b.posting(b.mention, addresses...)
}

// posting posts some webhook to addresses.
func (b *bench) posting(what func(address string) (*loadtest.Template, error), addresses ...string) (loadtest.Target, error) {
	dials := make([]func(context.Context) (loadtest.Caller, error), len(addresses))
	for i, address := range addresses {
		template, err := what(address)
		if err != nil {
			return loadtest.Target{}, err
		}
		dials[i] = func(ctx context.Context) (loadtest.Caller, error) { return loadtest.Dial(ctx, address, template) }
	}
	return loadtest.Target{Next: &b.next, Dial: loadtest.Turns(dials...)}, nil
}
