package cometchat_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestTheCatalogueHasEveryTriggerThatCometChatDocuments(t *testing.T) {
	t.Parallel()
	documented := strings.Fields(`
		message_sent message_edited message_deleted message_delivery_receipt message_read_receipt message_reaction_added
		message_reaction_removed user_mentioned user_blocked user_unblocked user_connection_status_changed group_created
		group_updated group_deleted group_owner_transferred group_member_added group_member_kicked group_member_banned
		group_member_unbanned group_member_scope_changed group_member_joined group_member_left call_initiated call_started
		call_participant_joined call_participant_left call_ended meeting_started meeting_participant_joined
		meeting_participant_left meeting_ended recording_generated
		call_unanswered call_rejected call_cancelled call_busy message_delivered_to_all message_read_by_all
		transcription_generated moderation_engine_approved moderation_engine_blocked moderation_engine_failed
		moderation_manual_approved group_member_removed before_message after_message
		sms-notification-payload-generated email-notification-payload-generated`)
	var known []string
	for trigger, spec := range cometchat.Catalogue() {
		require.Equal(t, trigger, spec.Name)
		known = append(known, string(trigger))
	}
	require.ElementsMatch(t, documented, known)
}

func TestEveryFieldThatATriggerCarriesIsInTheVocabulary(t *testing.T) {
	t.Parallel()
	for trigger, spec := range cometchat.Catalogue() {
		require.NotEmpty(t, spec.Summary, trigger)
		require.NotEmpty(t, spec.Carries, trigger)
		for _, path := range spec.Carries {
			shape := relay.WholeEventShape()
			for name := range strings.SplitSeq(path, ".") {
				field, ok := shape.Field(name)
				require.True(t, ok, "%s carries %s: no such field", trigger, path)
				shape = field.Shape
			}
		}
	}
}

// A field that is decoded but not carried could not be used in rules, and nobody would notice.
func TestEveryFieldThatIsDecodedIsCarried(t *testing.T) {
	t.Parallel()
	var cases []struct{ Webhook string }
	load(t, "cases.yaml", &cases)
	catalogue := cometchat.Catalogue()
	bodies := make([][]byte, 0, len(cases)+len(catalogue))
	for _, c := range cases {
		bodies = append(bodies, []byte(c.Webhook))
	}
	for trigger := range catalogue {
		body, _ := cometchat.Sample(trigger)
		bodies = append(bodies, body)
	}
	for _, body := range bodies {
		event := decode(t, body)
		if spec, ok := catalogue[event.Trigger]; ok {
			requireCarried(t, event.Trigger, relay.EventShape(spec), relay.WholeEventShape(), &event)
		}
	}
}

// requireCarried fails where parent has a field set that is in whole and not in carried.
func requireCarried(t *testing.T, trigger relay.Trigger, carried, whole *relay.Shape, parent any) {
	t.Helper()
	for _, field := range whole.Fields {
		if !field.IsSet(parent) {
			continue
		}
		narrow, ok := carried.Field(field.Name)
		require.True(t, ok, "%s sets %s and does not carry it", trigger, field.Shape.Path)
		if field.Shape.Kind == relay.KindObject {
			requireCarried(t, trigger, narrow.Shape, field.Shape, field.Get(parent))
		}
	}
}

func TestRolesAreWhatAWebhookCanTell(t *testing.T) {
	t.Parallel()
	payload, session, rest := relay.FromPayload, relay.FromSession, relay.FromCometChat
	cases := map[relay.Trigger]map[relay.Role]relay.Source{
		relay.MessageSent: {"sender": payload, "receiver": payload, "mentioned": payload, "group_owner": payload, "group_members": rest},
		relay.MessageDeleted: {
			"sender": payload, "receiver": payload, "group_owner": payload, "group_members": rest,
		},
		relay.MessageReadReceipt: {"sender": payload, "receiver": payload, "author": payload, "group_members": rest},
		relay.MessageReadByAll:   {"author": payload, "group_members": rest},
		"message_reaction_added": {"sender": payload, "author": rest},
		"user_blocked":           {"sender": payload, "blocked": payload},
		"group_member_added":     {"sender": payload, "members": payload, "group_owner": payload, "group_members": rest},
		"group_deleted":          {"sender": payload, "group_owner": payload},
		relay.CallUnanswered: {
			"sender": payload, "receiver": payload, "caller": payload, "callee": payload, "group_owner": payload,
			"group_members": rest,
		},
		relay.CallStarted:     {"caller": session, "callee": session, "participants": session},
		"recording_generated": {"caller": session, "callee": session, "participants": session},
		"meeting_ended":       {"participants": session},
	}
	catalogue := cometchat.Catalogue()
	for trigger, want := range cases {
		require.Equal(t, want, catalogue[trigger].Roles, trigger)
	}
	for trigger, spec := range catalogue {
		for role := range spec.Roles {
			require.Contains(t, relay.Roles(), role, trigger)
		}
	}
}

func TestTheActorIsWhoeverDidIt(t *testing.T) {
	t.Parallel()
	for trigger, spec := range cometchat.Catalogue() {
		want := relay.RoleSender
		switch {
		case strings.HasPrefix(string(trigger), "call_"):
			want = relay.RoleCaller
		case trigger == "group_member_joined", trigger == "group_member_left":
			want = relay.RoleMembers
		}
		require.Equal(t, want, spec.Actor, trigger)
	}
}

func TestTheCatalogueIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	mine := cometchat.Catalogue()
	mine[relay.MessageSent].Carries[0] = "changed"
	mine[relay.MessageSent].Roles[relay.RoleBlocked] = relay.FromPayload
	delete(mine, relay.CallBusy)

	fresh := cometchat.Catalogue()
	require.Equal(t, "sender", fresh[relay.MessageSent].Carries[0])
	require.NotContains(t, slices.Collect(maps.Keys(fresh[relay.MessageSent].Roles)), relay.RoleBlocked)
	require.Contains(t, fresh, relay.CallBusy)
}

func TestThereIsNoSampleOfWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for _, trigger := range []relay.Trigger{"", "unknown", "../samples/message_sent", "*"} {
		_, ok := cometchat.Sample(trigger)
		require.False(t, ok, trigger)
	}
	files, err := filepath.Glob("samples/*")
	require.NoError(t, err)
	require.Len(t, files, len(cometchat.Catalogue()))
}

func TestTheCallsInTheSamplesAreOneStory(t *testing.T) {
	t.Parallel()
	var session string
	for _, trigger := range []relay.Trigger{
		relay.CallInitiated, relay.CallStarted, relay.CallJoined, "call_participant_left", "call_ended", relay.CallUnanswered,
		relay.CallRejected, relay.CallBusy, relay.CallCancelled, "recording_generated", "transcription_generated",
	} {
		body, _ := cometchat.Sample(trigger)
		call := decode(t, body).Call
		if session == "" {
			session = call.SessionID
		}
		require.NotEmpty(t, call.SessionID)
		require.Equal(t, session, call.SessionID, trigger)
		if call.Caller != nil {
			require.Equal(t, "cometchat-uid-1", call.Caller.UID, trigger)
			require.Equal(t, "cometchat-uid-5", call.Callee.UID, trigger)
		}
	}
}

func TestSamplesHoldNoPlaceholders(t *testing.T) {
	t.Parallel()
	for trigger := range cometchat.Catalogue() {
		body, _ := cometchat.Sample(trigger)
		require.NotRegexp(t, `"<[^@]`, string(body), trigger)
	}
}
