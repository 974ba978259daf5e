package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"
	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

// zoe is a person whose every trace can be told from everybody else's.
const (
	zoeUID    = "Zoe-Quux-7731"
	zoeName   = "Zoraida Quuxley"
	zoeNumber = "+14155557731"
	zoeMail   = "zoraida.quuxley@example.org"
	zoeText   = "the heron flies at midnight 7731"
)

const zoePerson = `
` + zoeUID + `: { name: ` + zoeName + `, phone: "` + zoeNumber + `", email: ` + zoeMail + ` }
cometchat-uid-2: { name: George Alan, phone: "+14155550102", email: george@example.net }
cometchat-uid-5: { name: John Paul, phone: "+14155550105", email: john@example.net }
`

// traces are what must not be found of zoe, in whatever case.
func traces() []string {
	return []string{zoeUID, zoeName, "zoraida", "quuxley", "4155557731", zoeMail, "heron", "555-7731"}
}

// search finds zoe in the database's files as they lie on the disk.
func (l *lab) search() (found []string) {
	l.t.Helper()
	files, err := filepath.Glob(l.path("beckon.db*"))
	require.NoError(l.t, err)
	require.NotEmpty(l.t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(l.t, err)
		raw = bytes.ToLower(raw)
		for _, trace := range traces() {
			if n := bytes.Count(raw, bytes.ToLower([]byte(trace))); n > 0 {
				found = append(found, fmt.Sprintf("%s: %q %d times", filepath.Base(file), trace, n))
			}
		}
	}
	return found
}

func newZoeLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t, `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, send: [ { sms: mention }, { email: mention } ] }
  - { name: unread, trigger: message_sent, to: receiver, wait: 30m, urgent: true, send: [ { sms: unread-message } ] }
`)
	l.write("people.yaml", zoePerson)
	return l
}

// says posts a message of one to another.
func (p *process) says(trigger relay.Trigger, id int, from, to, text string) answer {
	p.t.Helper()
	names := strings.NewReplacer("cometchat-uid-1", from, "cometchat-uid-2", to, "Andrew Joseph", "Somebody Else")
	if from == zoeUID || to == zoeUID {
		names = strings.NewReplacer("cometchat-uid-1", from, "cometchat-uid-2", to, "Andrew Joseph", zoeName)
	}
	body := sample(p.t, trigger, map[string]any{"data.message.id": strconv.Itoa(id)})
	body, err := sjson.SetBytes([]byte(names.Replace(string(body))), "data.message.data.text", text)
	require.NoError(p.t, err)
	var a answer
	p.eventually("the event is kept", func() bool { // a busy machine may ask for it again
		a, err = p.post(body)
		require.NoError(p.t, err)
		return a.Status == http.StatusOK
	})
	return a
}

// rounds is how often the same happens to zoe, and zoesEvents how many events name her then.
const (
	rounds     = 8
	zoesEvents = 3*rounds + 2
)

// zoeLives has things happen to zoe and to others, and gives the events of others.
func (p *process) zoeLives(s store.Store) (others []string) {
	p.t.Helper()
	var last answer
	for i := range rounds {
		p.says(relay.UserMentioned, 7000+i, zoeUID, "cometchat-uid-2", zoeText+" <@uid:cometchat-uid-2>")
		last = p.says(relay.UserMentioned, 7100+i, "cometchat-uid-2", zoeUID, "<@uid:"+zoeUID+"> hello")
		p.says(relay.MessageSent, 7200+i, "cometchat-uid-2", zoeUID, "are you there? your number was 415-555-7731")
		others = append(others, p.says(relay.UserMentioned, 8000+i, "cometchat-uid-5", "cometchat-uid-2", "nobody is <@uid:cometchat-uid-2>").ID)
	}
	others = append(others, p.says(relay.MessageSent, 9000, "cometchat-uid-5", "cometchat-uid-2", "nothing").ID)
	p.alert(s, last.ID)
	p.says(relay.MessageSent, 9001, "cometchat-uid-5", "cometchat-uid-2", "call her at (415) 555-7731")
	p.says(relay.MessageSent, 9002, "cometchat-uid-5", "cometchat-uid-2", "or write to Zoraida.Quuxley@Example.ORG")
	p.accepted(http.StatusOK, p.twilio.Inbound(labPublic, zoeNumber, "STOP", ""))
	p.eventually("what is sent is sent", func() bool {
		stats, err := s.Stats(p.t.Context())
		require.NoError(p.t, err)
		return stats.Alerts[relay.AlertDue] == 0
	})
	return others
}

func TestAForgottenPersonIsInNoFileOfTheDatabase(t *testing.T) {
	t.Parallel()
	l := newZoeLab(t)
	l.env["BECKON_LOG_LEVEL"] = "debug"
	p, s := l.serve(), l.kept()
	others := p.zoeLives(s)
	require.NotEmpty(t, l.search(), "the search finds what is there")

	out, errs, code := l.run("forget", strings.ToLower(zoeUID), "--dry-run", "--json", "--server", p.admin)
	require.Zero(t, code, errs)
	var would, did server.ForgottenView
	require.NoError(t, json.Unmarshal([]byte(out), &would))
	require.Equal(t, zoesEvents, would.Removed.Events)
	require.NotEmpty(t, l.search())
	_, errs, code = l.run("forget", zoeUID, "--server", p.admin)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--yes does it without")

	out, errs, code = l.run("forget", strings.ToLower(zoeUID), "--yes", "--json", "--server", p.admin)
	require.Zero(t, code, errs)
	require.NoError(t, json.Unmarshal([]byte(out), &did))
	require.Equal(t, would.Removed, did.Removed)
	require.Equal(t, 1, did.Kept.Suppressions)
	require.True(t, did.Scrubbed)
	require.Empty(t, did.Notes)
	require.Empty(t, l.search())

	for _, id := range others {
		_, err := s.Event(t.Context(), id)
		require.NoError(t, err, "others lose nothing")
	}
	alerts, err := s.Alerts(t.Context(), store.Filter{State: string(relay.AlertHeld)})
	require.NoError(t, err)
	require.Len(t, alerts, 1, "and what waits for them waits on")
	out, _, code = l.run("pause", "--history", "--server", p.admin)
	require.Zero(t, code)
	require.Regexp(t, `local +forget +person [0-9a-f]{8}-[0-9a-f]{16}\n`, out)

	// She said no: that outlives her, until she says otherwise.
	gone := p.says(relay.UserMentioned, 9100, "cometchat-uid-2", zoeUID, "<@uid:"+zoeUID+"> again")
	l.only(s, gone.ID, relay.ChannelSMS, relay.DeliverySuppressed)
	p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, zoeNumber, "START", ""))
	back := p.says(relay.UserMentioned, 9101, "cometchat-uid-2", zoeUID, "<@uid:"+zoeUID+"> again")
	l.only(s, back.ID, relay.ChannelSMS, relay.DeliverySent)
	_, errs, code = l.run("forget", zoeUID, "--yes", "--server", p.admin)
	require.Zero(t, code, errs)
	p.stop()
	require.Empty(t, l.search())
	for _, trace := range traces() {
		require.NotContains(t, strings.ToLower(p.log()), strings.ToLower(trace))
	}
}

func TestWhereNoRelayRunsAPersonIsForgottenAllTheSame(t *testing.T) {
	t.Parallel()
	l := newZoeLab(t)
	p, s := l.serve(), l.kept()
	p.zoeLives(s)
	l.env["BECKON_ADMIN_LISTEN"] = "127.0.0.1:1"
	_, errs, code := l.run("forget", zoeUID, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "another process has it open")
	require.Contains(t, errs, "--server")
	out, errs, code := l.run("forget", zoeUID, "--dry-run")
	require.Zero(t, code, errs)
	require.Regexp(t, fmt.Sprintf(`would be removed:\n  events +%d\n`, zoesEvents), out)
	l.twilio.Next(vendortest.Answer{Delay: time.Minute})
	p.says(relay.UserMentioned, 9500, "cometchat-uid-5", "cometchat-uid-2", zoeText+" to the zoo, "+zoeUID)
	l.eventually("a text is on its way", func() bool {
		stats, err := s.Stats(t.Context())
		require.NoError(t, err)
		return stats.Deliveries[relay.ChannelSMS][relay.DeliverySending] == 1
	})
	require.NoError(t, s.Close())
	p.kill()

	key := l.env["BECKON_SECRET_KEY"]
	delete(l.env, "BECKON_SECRET_KEY")
	delete(l.env, "BECKON_PUBLIC_URL")
	_, errs, code = l.run("forget", zoeUID, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "BECKON_SECRET_KEY is not set, which forgetting needs")
	l.env["BECKON_SECRET_KEY"] = key
	out, errs, code = l.run("forget", zoeUID, "--yes")
	require.Zero(t, code, errs)
	require.Regexp(t, fmt.Sprintf(`(?s)removed:\n  events +%d\n.*suppressions, hashed +1\n`, zoesEvents+1), out)
	require.Empty(t, l.search())

	// Nobody starts who would not recognise her.
	l.env["BECKON_SECRET_KEY"], l.env["BECKON_ADMIN_LISTEN"] = "another key of at least 32 characters", "127.0.0.1:0"
	_, errs, code = l.run("serve")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "BECKON_SECRET_KEY: 1 suppressions of forgotten people were hashed by a key that is not in it any more")
	l.env["BECKON_SECRET_KEY"] += "," + key
	l.serve().stop()
}

func TestAReloadThatWouldForgetWhoSaidNoIsRefused(t *testing.T) {
	t.Parallel()
	l := newZoeLab(t)
	l.write("key", l.env["BECKON_SECRET_KEY"])
	delete(l.env, "BECKON_SECRET_KEY")
	l.env["BECKON_SECRET_KEY_FILE"] = l.path("key")
	p := l.serve()
	p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, zoeNumber, "STOP", ""))
	_, errs, code := l.run("forget", zoeUID, "--yes", "--server", p.admin)
	require.Zero(t, code, errs)
	l.write("key", "another key of at least 32 characters")
	refused, err := p.request(http.MethodPost, p.admin+"/-/reload", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, refused.Status)
	require.Contains(t, refused.Error.Message, "BECKON_SECRET_KEY: 1 suppressions")
	p.stop()
}

// crowd fills the database with n events that name zoe by her uid, n by her number alone, and n that do not name her.
func (l *lab) crowd(n int) {
	l.t.Helper()
	s, err := sqlite.Open(l.t.Context(), sqlite.Options{Path: l.path("beckon.db"), Decode: cometchat.Decode})
	require.NoError(l.t, err)
	received := time.Now().UTC()
	accept := func(id, text, to string) relay.Alert {
		body := sample(l.t, relay.MessageSent, map[string]any{"data.message.data.text": text})
		e := relay.Event{ID: id, Trigger: relay.MessageSent, AppID: "app", ReceivedAt: received, Raw: body}
		a := relay.Alert{
			ID: "al_" + id, EventID: id, Trigger: e.Trigger, Rule: "unread", Role: relay.RoleReceiver, Recipient: relay.Recipient{UID: to},
			State: relay.AlertHeld, Reason: relay.ReasonWaiting, ReceivedAt: received, DueAt: received, ExpiresAt: received.Add(time.Hour),
			UpdatedAt: received,
		}
		_, err := s.Accept(l.t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}, Keys: []relay.Key{"k"}})
		require.NoError(l.t, err)
		return a
	}
	told := accept("told", "the message by which her number is known", zoeUID)
	_, err = s.Decide(l.t.Context(), told.ID, relay.Query{}, received, func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{{
			ID: "dl_told", Channel: relay.ChannelSMS, Recipient: told.Recipient, Phone: zoeNumber, State: relay.DeliveryQueued, CreatedAt: received,
			ExpiresAt: received.Add(time.Hour),
		}}}
	})
	require.NoError(l.t, err)
	require.NoError(l.t, s.Suppress(l.t.Context(), relay.Suppression{
		Address: relay.NewAddress(relay.ChannelSMS, zoeNumber), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByReply, At: received,
	}))
	var group errgroup.Group
	group.SetLimit(200)
	for i := range n {
		for kind, text := range map[string]string{"uid": "ask " + zoeUID, "number": "call 415 555 7731", "other": "hello"} {
			group.Go(func() error {
				accept(fmt.Sprintf("%s%06d", kind, i), text, "cometchat-uid-2")
				return nil
			})
		}
	}
	require.NoError(l.t, group.Wait())
	require.NoError(l.t, s.Close())
}

func TestAForgetThatWasKilledIsCompletedByTheNext(t *testing.T) {
	t.Parallel()
	const n = 1500
	l := newZoeLab(t)
	l.write("people.yaml", "cometchat-uid-2: { name: George Alan, email: george@example.net }\n")
	l.env["BECKON_ADMIN_LISTEN"] = "127.0.0.1:1"
	l.crowd(n)
	left := func() int {
		s := l.kept()
		defer s.Close() //nolint:errcheck // it only read
		total := 0
		for _, prefix := range []string{"uid", "number"} {
			ids, err := s.IDs(t.Context(), store.KindEvent, prefix, store.MaxList)
			require.NoError(t, err)
			total += len(ids)
		}
		return total
	}
	before, hits := left(), 0
	for wait := 20 * time.Millisecond; hits < 3 && left() > 0; wait += 20 * time.Millisecond {
		c := l.command("forget", zoeUID, "--yes")
		require.NoError(t, c.Start())
		kill := time.AfterFunc(wait, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		kill.Stop()
		if now := left(); now < before && now > 0 {
			before = now
			hits++
		}
	}
	require.Positive(t, hits, "no kill came in the middle: the test proves less than it says")
	_, errs, code := l.run("forget", zoeUID, "--yes")
	require.Zero(t, code, errs)
	require.Zero(t, left(), "also of her number, which only her first message told")
	require.Empty(t, l.search())
	out, errs, code := l.run("forget", "somebody-else", "--dry-run", "--address", "+14155550100", "--json")
	require.Zero(t, code, errs)
	require.Contains(t, out, `"events": 0`)
	s := l.kept()
	others, err := s.Alerts(t.Context(), store.Filter{State: string(relay.AlertHeld), Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, others, store.MaxList, "others lose nothing")
	counts, err := s.HashedBy(t.Context())
	require.NoError(t, err)
	require.Len(t, counts, 1, "and she is not written to")
}

func TestAnExportHasAllThatIsKeptOfAPersonAndNoAddressOfOthers(t *testing.T) {
	t.Parallel()
	l := newZoeLab(t)
	p, s := l.serve(), l.kept()
	p.zoeLives(s)
	out, errs, code := l.run("export", zoeUID, "--server", p.admin)
	require.Zero(t, code, errs)
	var got struct {
		UID                                                   string
		Addresses                                             []string
		Events, Alerts, Deliveries, Suppressions, Outbox, Aud []map[string]any
		Audit                                                 []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.ElementsMatch(t, []string{zoeNumber, zoeMail}, got.Addresses)
	require.Len(t, got.Events, zoesEvents)
	require.Len(t, got.Suppressions, 1)
	require.Len(t, got.Audit, 1, "that she was exported, too")
	require.Contains(t, out, zoeText)
	require.NotContains(t, out, "+14155550102")
	require.NotContains(t, out, "george@example.net")
	require.Contains(t, out, "g***@example.net")
	require.NotContains(t, out, "nobody is")

	_, errs, code = l.run("export", zoeUID, "--server", p.admin, "--out", l.path("zoe.json"))
	require.Zero(t, code, errs)
	info, err := os.Stat(l.path("zoe.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, errs, code = l.run("export", zoeUID, "--server", p.admin, "--out", l.path("zoe.json"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "is there already")
	l.env["BECKON_ADMIN_LISTEN"] = "127.0.0.1:1"
	direct, errs, code := l.run("export", zoeUID)
	require.Zero(t, code, errs)
	require.NoError(t, json.Unmarshal([]byte(direct), &got))
	require.Len(t, got.Events, zoesEvents, "also from the database, beside the relay")
	_, errs, code = l.run("export", zoeUID, "--address", "zoe")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not a phone number with its country code")
	p.stop()
}
