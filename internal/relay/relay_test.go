package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestPersonalDataMasksItselfEverywhere(t *testing.T) {
	t.Parallel()
	type holder struct {
		Phone relay.Phone
		Email relay.Email
		Text  relay.Text
		List  []relay.Phone
		Map   map[string]relay.Email
		Said  []relay.Address
	}
	const phone, email, text = "+14155550123", "ann.lee@example.com", "see you at eight"
	h := holder{Phone: phone, Email: email, Text: text, List: []relay.Phone{phone}, Map: map[string]relay.Email{"a": email}}
	h.Said = []relay.Address{relay.NewAddress(relay.ChannelSMS, phone), relay.NewAddress(relay.ChannelEmail, email)}
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	logger.Info("x", "holder", h, "phone", h.Phone, "email", h.Email, "text", h.Text, "address", h.Said[0])
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "holder", h, "list", h.List)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+verb+verb+verb+verb, h, h.Phone, h.Email, h.Text, h.Said[1])
	}
	encoded, err := json.Marshal(h)
	require.NoError(t, err)
	out.Write(encoded)
	for _, secret := range []string{"4155550", "ann.lee", "eight", fmt.Sprintf("%x", phone), fmt.Sprintf("%x", text)} {
		require.NotContains(t, out.String(), secret)
	}
	require.Contains(t, out.String(), "a***@example.com")
	require.Contains(t, out.String(), "+14*******23")
	require.Equal(t, phone, h.Phone.Reveal())
	require.Equal(t, email, h.Email.Reveal())
	require.Equal(t, text, h.Text.Reveal())
	require.Equal(t, phone, h.Said[0].Reveal())
}

func TestShortOrBrokenPersonalDataIsMaskedWhole(t *testing.T) {
	t.Parallel()
	require.Equal(t, "***", relay.Phone("12345").String())
	require.Equal(t, "***", relay.Email("not-an-address").String())
	require.Equal(t, "***", relay.Email("@example.com").String())
	require.Empty(t, relay.Phone("").String()+relay.Email("").String()+relay.Text("").String())
}

func TestAnAddressIsTheSameHoweverItIsSpelt(t *testing.T) {
	t.Parallel()
	mail := relay.NewAddress(relay.ChannelEmail, "Ann.Lee@Example.com")
	require.Equal(t, mail, relay.NewAddress(relay.ChannelEmail, "ann.lee@example.COM"))
	require.Equal(t, "ann.lee@example.com", mail.Reveal())
	require.Equal(t, relay.ChannelEmail, mail.Channel())
	require.NotEqual(t, mail, relay.NewAddress(relay.ChannelEmail, "annlee@example.com"))
	require.NotEqual(t, mail, relay.NewAddress(relay.ChannelSMS, "ann.lee@example.com"))
}

func TestAnAlertIsSentOnceOneDeliveryWasAccepted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		states []relay.DeliveryState
		want   relay.AlertState
		reason relay.Reason
	}{
		{nil, relay.AlertSuppressed, relay.ReasonNobody},
		{[]relay.DeliveryState{"queued"}, relay.AlertDue, ""},
		{[]relay.DeliveryState{"dead", "unknown"}, relay.AlertDue, ""},
		{[]relay.DeliveryState{"sent", "dead"}, relay.AlertSent, ""},
		{[]relay.DeliveryState{"queued", "delivered"}, relay.AlertSent, ""},
		{[]relay.DeliveryState{"undelivered"}, relay.AlertSent, ""},
		{[]relay.DeliveryState{"suppressed", "dead"}, relay.AlertFailed, "gave_up"},
		{[]relay.DeliveryState{"suppressed", "suppressed"}, relay.AlertSuppressed, "no_phone"},
	} {
		var deliveries []relay.Delivery
		for _, s := range c.states {
			reason := relay.ReasonNone
			switch s {
			case relay.DeliveryDead:
				reason = relay.ReasonGaveUp
			case relay.DeliverySuppressed:
				reason = relay.ReasonNoPhone
			default:
			}
			deliveries = append(deliveries, relay.Delivery{State: s, Reason: reason})
		}
		state, reason := relay.RollUp(deliveries)
		require.Equal(t, c.want, state, "%v", c.states)
		require.Equal(t, c.reason, reason, "%v", c.states)
	}
	require.True(t, relay.AlertSent.Done())
	require.False(t, relay.AlertDue.Done())
	require.False(t, relay.DeliveryUnknown.Done())
}

func TestAMuteCoversWhatItNamesUntilItEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	for _, tt := range []struct {
		mute relay.Mute
		rule string
		at   time.Time
		want string
	}{
		{relay.Mute{}, "r", now, ""},
		{relay.Mute{Until: later}, "r", now, "everything"},
		{relay.Mute{Until: later}, "r", later, ""},
		{relay.Mute{Everything: true}, "r", later, "everything"},
		{relay.Mute{Everything: true, Until: later}, "r", later, ""},
		{relay.Mute{Everything: true, Rules: []string{"s"}}, "r", now, "everything"},
		{relay.Mute{Conversations: []string{"c"}}, "r", now, "this conversation"},
		{relay.Mute{Conversations: []string{"d"}}, "r", now, ""},
		{relay.Mute{Conversations: []string{"c"}, Until: now}, "r", later, ""},
		{relay.Mute{Rules: []string{"q", "r"}}, "r", now, "this rule"},
		{relay.Mute{Rules: []string{"q", "r"}}, "s", now, ""},
		{relay.Mute{Rules: []string{"r"}, Until: later}, "r", now, "this rule"},
		{relay.Mute{Rules: []string{"r"}, Until: later}, "r", later, ""},
		{relay.Mute{Rules: []string{"s"}, Conversations: []string{"c"}}, "r", now, "this conversation"},
	} {
		got, covered := relay.Contact{Mutes: []relay.Mute{{Rules: []string{"another"}}, tt.mute}}.Muted(tt.rule, "c", tt.at)
		require.Equal(t, tt.want != "", covered, "%+v", tt)
		require.Equal(t, covered, tt.mute.Covers(tt.rule, "c", tt.at), "%+v", tt)
		require.Equal(t, tt.want, got.Of(tt.rule, "c"), "%+v", tt)
	}
}

func TestIDsAreStableAndTellThingsApart(t *testing.T) {
	t.Parallel()
	person := relay.Recipient{UID: "x"}
	require.Equal(t, relay.AlertID("e", "r", relay.RoleSender, person), relay.AlertID("e", "r", relay.RoleReceiver, person),
		"one person is told once by a rule, whatever their roles")
	require.NotEqual(t, relay.AlertID("e", "r", relay.RoleSender, relay.Recipient{}), relay.AlertID("e", "r", relay.RoleReceiver, relay.Recipient{}))
	require.NotEqual(t, relay.AlertID("ab", "c", "", person), relay.AlertID("a", "bc", "", person))
	require.NotEqual(t, relay.DeliveryID("a", relay.ChannelSMS, "t"), relay.DeliveryID("a", relay.ChannelEmail, "t"))
	require.Equal(t, "phone:+1415", relay.Recipient{Phone: "+1415"}.Key())
	require.True(t, relay.Recipient{Email: "a@b.c"}.Fixed())
	require.False(t, person.Fixed())
}

func TestTheVocabularyOfATriggerIsWhatItCarries(t *testing.T) {
	t.Parallel()
	shape := relay.EventShape(relay.TriggerSpec{Carries: []string{"sender", "message.id", "message.mentions", "call.session_id"}})
	require.Equal(t, []string{"id", "trigger", "app_id", "region", "webhook", "occurred_at", "received_at", "sender", "message", "call", "raw"}, shape.Names())
	message, ok := shape.Field("message")
	require.True(t, ok)
	require.Equal(t, []string{"id", "mentions"}, message.Shape.Names())
	mentions, _ := message.Shape.Field("mentions")
	require.Equal(t, relay.KindList, mentions.Shape.Kind)
	require.Equal(t, "event.message.mentions", mentions.Shape.Elem.Path)
	_, ok = shape.Field("group")
	require.False(t, ok)
}

func TestFieldsReadTheValueOrItsZero(t *testing.T) {
	t.Parallel()
	shape := relay.WholeEventShape()
	event := &relay.Event{
		Trigger: "x", Message: &relay.Message{Text: "hi", Mentions: []relay.User{{UID: "a"}}}, Raw: json.RawMessage(`{"a":1}`),
		Recording: &relay.Recording{Duration: time.Second},
	}
	get := func(parent any, s *relay.Shape, name string) (any, *relay.Shape) {
		f, ok := s.Field(name)
		require.True(t, ok, name)
		return f.Get(parent), f.Shape
	}
	message, messageShape := get(event, shape, "message")
	text, _ := get(message, messageShape, "text")
	require.Equal(t, "hi", text, "expressions see the text itself, not its mask")
	sent, _ := get(message, messageShape, "sent_at")
	require.Equal(t, time.Time{}, sent)
	raw, _ := get(event, shape, "raw")
	require.Equal(t, map[string]any{"a": float64(1)}, raw)
	group, groupShape := get(event, shape, "group")
	for _, f := range groupShape.Fields {
		require.Zero(t, f.Get(group), f.Name)
		require.False(t, f.IsSet(group), f.Name)
	}
	f, _ := shape.Field("message")
	require.True(t, f.IsSet(event))
	require.False(t, f.IsSet(relay.Event{}))
	for _, f := range shape.Fields {
		require.NotPanics(t, func() { f.Get((*relay.Event)(nil)) }, f.Name)
	}
}

func TestAViewHasEveryFieldOfTheShape(t *testing.T) {
	t.Parallel()
	shape := relay.WholeEventShape()
	event := &relay.Event{Message: &relay.Message{Mentions: []relay.User{{UID: "a", Name: "Ann"}}}}
	view, ok := shape.View(event).(map[string]any)
	require.True(t, ok)
	require.Len(t, view, len(shape.Fields))
	message, ok := view["message"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, []any{map[string]any{"uid": "a", "name": "Ann", "avatar": "", "status": "", "role": ""}}, message["mentions"])
	require.Empty(t, view["group"].(map[string]any)["name"]) //nolint:forcetypeassert // the shape says so
}
