package sendgrid

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// told is one line of testdata/events.yaml.
type told struct {
	Event, Type, Reason string
	State               relay.DeliveryState
	Why                 relay.Reason
	Suppress, Lift      bool
	Ignored             bool
}

func TestEveryEventMeansWhatTheListSays(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/events.yaml")
	require.NoError(t, err)
	var list []told
	require.NoError(t, yaml.Unmarshal(raw, &list))
	server := vendortest.NewSendGrid(t)
	m := taken(t, server)
	e := newEvents(t, nil, server.PublicKey(t))
	for _, want := range list {
		sent := server.Event(m, want.Event, vendortest.Event{"type": want.Type, "reason": want.Reason})
		got, err := e.Read(batch(server.Batch(t, sent)))
		require.NoError(t, err)
		if want.Ignored {
			require.Empty(t, got, "%+v", want)
			continue
		}
		require.Len(t, got, 1, "%+v", want)
		requireSound(t, got[0])
		require.Equal(t, []string{"dl_1", m.MessageID, sent["sg_event_id"].(string), want.Event},
			[]string{got[0].DeliveryID, got[0].ProviderID, got[0].Key, got[0].Status})
		require.Equal(t, want.State, got[0].State, "%+v", want)
		if want.State == relay.DeliveryUndelivered {
			require.Equal(t, want.Why, got[0].Reason, "%+v", want)
		}
		require.Equal(t, want.Suppress, got[0].Suppress != "", "%+v", want)
		require.Equal(t, want.Lift, got[0].Lift != "", "%+v", want)
		if want.Suppress || want.Lift {
			require.Equal(t, want.Why, got[0].Suppress+got[0].Lift)
			require.Equal(t, relay.NewAddress(relay.ChannelEmail, "ann@example.org"), got[0].Address)
			require.Equal(t, relay.SuppressedByProvider, got[0].Source)
		}
	}
}

func TestEveryRowOfTheEventsIsInTheList(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/events.yaml")
	require.NoError(t, err)
	var list []told
	require.NoError(t, yaml.Unmarshal(raw, &list))
	for i, m := range meanings {
		met := slices.ContainsFunc(list, func(l told) bool {
			e := event{Event: text(l.Event), Type: text(l.Type), Reason: text(l.Reason)}
			return slices.IndexFunc(meanings, func(m meaning) bool { return m.fits(e) }) == i
		})
		require.True(t, met, "no line of testdata/events.yaml reaches row %d, event %s %s%s", i, m.event, m.kind, m.reason)
	}
}

func TestOnlyEventsAboutOurDeliveriesCount(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	m := taken(t, server)
	e := newEvents(t, nil, server.PublicKey(t))
	without := func(field string) vendortest.Event {
		one := server.Event(m, "bounce", vendortest.Event{"type": "bounce"})
		delete(one, field)
		return one
	}
	good := server.Event(m, "delivered", nil)
	got, err := e.Read(batch(server.Batch(t,
		without(DeliveryArg), without("sg_event_id"), without("event"), nil,
		server.Event(m, "delivered", vendortest.Event{"sg_event_id": 7}),
		server.Event(m, "delivered", vendortest.Event{DeliveryArg: []string{"dl_1"}}),
		server.Event(m, "delivered", vendortest.Event{DeliveryArg: "a b"}),
		good,
	)))
	require.NoError(t, err)
	require.Len(t, got, 1, "the others take it not with them")
	require.Equal(t, good["sg_event_id"], got[0].Key)
	require.WithinDuration(t, time.Now(), got[0].At, time.Minute)
}

func TestFieldsOfOtherKindsAreLeftOut(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	m := taken(t, server)
	e := newEvents(t, nil, server.PublicKey(t))
	got, err := e.Read(batch(server.Batch(t, server.Event(m, "bounce", vendortest.Event{
		"type": "bounce", "email": 5, "reason": map[string]any{"a": 1}, "status": nil, "sg_message_id": true, "category": []string{"x"},
	}))))
	require.NoError(t, err)
	require.Len(t, got, 1)
	requireSound(t, got[0])
	require.Empty(t, got[0].ProviderID)
	require.Empty(t, got[0].Suppress, "without an address there is none to suppress")
	require.Equal(t, relay.ReasonBounced, got[0].Reason)
}

func TestWhatServersSayIsScrubbed(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	m := taken(t, server)
	e := newEvents(t, nil, server.PublicKey(t))
	got, err := e.Read(batch(server.Batch(t,
		server.Event(m, "bounce", vendortest.Event{
			"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 <ann@example.org>: call +14155550123\r\nX-Evil: 1",
		}),
		server.Event(m, "deferred", vendortest.Event{"response": "451 try ann@example.org later", "status": "4.7.1 x"}),
		server.Event(m, "delivered", vendortest.Event{"response": "250 OK"}),
	)))
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Equal(t, "sendgrid reports bounce: 550 5.1.1 [address] call [number] X-Evil: 1", got[0].Detail)
	require.Equal(t, "5.1.1", got[0].Code)
	require.Equal(t, "sendgrid reports deferred: 451 try [address] later", got[1].Detail)
	require.Empty(t, got[1].Code)
	require.Empty(t, got[2].Detail, "it explains nothing")
}

func TestTheMessageIDIsThePartThatTheAnswerHad(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0":                "14c5d75ce93.dfd.64b469",
		"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F.0": "LRzXl_NHStOGhQ4kofSm_A",
		"wB7QnqKFRjSSBsKQ0jAQ2A.recvd-5f9f8d7c-abcde-1-65A-12.0":             "wB7QnqKFRjSSBsKQ0jAQ2A",
		"abc.somethingelse.0": "abc", "abc": "abc", "": "", "a b.filter": "",
	} {
		require.Equal(t, want, messageID(id), id)
	}
}

func TestAnAddressIsOneMailbox(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"ann@example.org": true, "Ann@Example.ORG": true, "Ann <ann@example.org>": false, "ann": false, "": false,
		"a@example.org, b@example.org": false, " ann@example.org": false,
	} {
		got, is := mailbox(s)
		require.Equal(t, ok, is, s)
		if ok {
			require.Equal(t, relay.NewAddress(relay.ChannelEmail, "ann@example.org"), got)
		}
	}
	require.NotContains(t, Statuses(), "open")
	require.Len(t, Statuses(), 9)
}
