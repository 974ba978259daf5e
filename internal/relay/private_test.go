package relay_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// full sets everything that can be set.
func full(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"set":true}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		full(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{"set": true}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for _, field := range v.Fields() {
			full(field)
		}
	case reflect.String:
		v.SetString("set")
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(1)
	}
}

// told lists the paths of a view at which there is something.
func told(view any, path string) []string {
	var paths []string
	switch v := view.(type) {
	case map[string]any:
		for name, field := range v {
			paths = append(paths, told(field, path+"."+name)...)
		}
	case []any:
		for _, item := range v {
			paths = append(paths, told(item, path)...)
		}
	default:
		if v != nil && !reflect.ValueOf(v).IsZero() {
			paths = append(paths, path)
		}
	}
	return paths
}

// A field that is added to events has to be said here to be content or not.
func TestWithoutContentAnEventSaysWhoWhereAndWhen(t *testing.T) {
	t.Parallel()
	content := []string{
		"event.raw", "event.message.text", "event.message.mentions", "event.message.attachments", "event.message.metadata",
		"event.reaction.emoji", "event.recording.url",
	}
	var event relay.Event
	full(reflect.ValueOf(&event).Elem())
	all := told(relay.WholeEventShape().View(&event), "event")
	slices.Sort(all)
	for _, path := range content {
		require.True(t, slices.ContainsFunc(all, func(told string) bool { return strings.HasPrefix(told, path) }), path)
	}
	private := event.WithoutContent()
	left := told(relay.WholeEventShape().View(&private), "event")
	slices.Sort(left)
	want := slices.DeleteFunc(slices.Clone(all), func(told string) bool {
		return slices.ContainsFunc(content, func(path string) bool { return told == path || strings.HasPrefix(told, path+".") })
	})
	require.Equal(t, want, left)
	require.Equal(t, []string{
		"event.app_id", "event.author.avatar", "event.author.name", "event.author.role", "event.author.status", "event.author.uid",
		"event.call.callee.avatar", "event.call.callee.name", "event.call.callee.role", "event.call.callee.status",
		"event.call.callee.uid", "event.call.caller.avatar", "event.call.caller.name", "event.call.caller.role",
		"event.call.caller.status", "event.call.caller.uid", "event.call.duration", "event.call.ended_at", "event.call.id",
		"event.call.kind", "event.call.session_id", "event.call.started_at", "event.call.status", "event.call.type",
		"event.conversation.id", "event.conversation.kind", "event.group.guid", "event.group.members_count", "event.group.name",
		"event.group.owner", "event.group.type", "event.id", "event.members.avatar", "event.members.name", "event.members.role",
		"event.members.status", "event.members.uid", "event.message.category", "event.message.id", "event.message.parent_id",
		"event.message.sent_at", "event.message.type", "event.occurred_at", "event.participant.joined_at",
		"event.participant.left_at", "event.participant.name", "event.participant.uid", "event.reaction.message_id",
		"event.received_at", "event.receiver.avatar", "event.receiver.name", "event.receiver.role", "event.receiver.status",
		"event.receiver.uid", "event.recording.duration", "event.recording.started_at", "event.region", "event.sender.avatar",
		"event.sender.name", "event.sender.role", "event.sender.status", "event.sender.uid", "event.status", "event.trigger",
		"event.users.avatar", "event.users.name", "event.users.role", "event.users.status", "event.users.uid", "event.webhook",
	}, left)
	require.Equal(t, relay.Text("set"), event.Message.Text, "the event itself is as it was")
	require.NotEmpty(t, event.Recording.URL)
	require.NotEmpty(t, event.Reaction.Emoji)
}
