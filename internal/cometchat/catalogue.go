package cometchat

import (
	"maps"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
)

// entry is all that is known about a trigger.
type entry struct {
	// summary completes "CometChat sends it when ...".
	summary string
	carries []string
	roles   roles
	actor   relay.Role
	decode  func(*draft) identity
}

// Catalogue gives every trigger that Beckon knows. The caller may keep and change what it gets.
func Catalogue() relay.Catalogue {
	catalogue := make(relay.Catalogue, len(table))
	for trigger, known := range table {
		catalogue[trigger] = relay.TriggerSpec{
			Name:    trigger,
			Summary: known.summary,
			Carries: slices.Clone(known.carries),
			Roles:   maps.Clone(known.roles),
			Actor:   known.actor,
		}
	}
	return catalogue
}

type roles = map[relay.Role]relay.Source

// Roles that triggers share.
var (
	rolesOfMessage = roles{
		relay.RoleSender: relay.FromPayload, relay.RoleReceiver: relay.FromPayload,
		relay.RoleGroupOwner: relay.FromPayload, relay.RoleGroupMembers: relay.FromCometChat,
	}
	rolesOfMention = roles{
		relay.RoleSender: relay.FromPayload, relay.RoleReceiver: relay.FromPayload, relay.RoleMentioned: relay.FromPayload,
		relay.RoleGroupOwner: relay.FromPayload, relay.RoleGroupMembers: relay.FromCometChat,
	}
	rolesOfReceipt = roles{
		relay.RoleSender: relay.FromPayload, relay.RoleReceiver: relay.FromPayload,
		relay.RoleAuthor: relay.FromPayload, relay.RoleGroupMembers: relay.FromCometChat,
	}
	// What all have read or received, nobody in particular has: the sender is CometChat's own app_system.
	rolesOfAllReceipt = roles{relay.RoleAuthor: relay.FromPayload, relay.RoleGroupMembers: relay.FromCometChat}
	rolesOfReaction   = roles{relay.RoleSender: relay.FromPayload, relay.RoleAuthor: relay.FromCometChat}
	rolesOfBlock      = roles{relay.RoleSender: relay.FromPayload, relay.RoleBlocked: relay.FromPayload}
	rolesOfGroup      = roles{
		relay.RoleSender: relay.FromPayload, relay.RoleGroupOwner: relay.FromPayload,
		relay.RoleGroupMembers: relay.FromCometChat,
	}
	// The members of a group that is gone cannot be asked for.
	rolesOfGoneGroup = roles{relay.RoleSender: relay.FromPayload, relay.RoleGroupOwner: relay.FromPayload}
	rolesOfMembers   = roles{
		relay.RoleSender: relay.FromPayload, relay.RoleMembers: relay.FromPayload,
		relay.RoleGroupOwner: relay.FromPayload, relay.RoleGroupMembers: relay.FromCometChat,
	}
	rolesOfRinging = roles{
		relay.RoleSender: relay.FromPayload, relay.RoleReceiver: relay.FromPayload,
		relay.RoleCaller: relay.FromPayload, relay.RoleCallee: relay.FromPayload,
		relay.RoleGroupOwner: relay.FromPayload, relay.RoleGroupMembers: relay.FromCometChat,
	}
	rolesOfSession = roles{
		relay.RoleCaller: relay.FromSession, relay.RoleCallee: relay.FromSession, relay.RoleParticipants: relay.FromSession,
	}
	// A meeting rings nobody, so it has neither caller nor callee.
	rolesOfMeeting      = roles{relay.RoleParticipants: relay.FromSession}
	rolesOfNotification = roles{relay.RoleSender: relay.FromPayload, relay.RoleReceiver: relay.FromPayload}
)

// Fields that triggers share. Receipts and reactions know only the id of their message.
var (
	carriesMessage    = []string{"sender", "receiver", "conversation", "group", "message"}
	carriesModeration = []string{"sender", "receiver", "conversation", "group", "message", "status"}
	carriesReceipt    = []string{"sender", "receiver", "author", "conversation", "group.guid", "message.id"}
	carriesReaction   = []string{"sender", "message.id", "reaction"}
	carriesBlock      = []string{"sender", "users"}
	carriesGroup      = []string{"sender", "conversation", "group"}
	carriesMembers    = []string{"sender", "conversation", "group", "members"}
	carriesRinging    = []string{
		"sender", "receiver", "conversation", "group", "call.kind", "call.session_id", "call.id", "call.type", "call.status",
		"call.caller", "call.callee",
	}
	carriesStarted = []string{"call.kind", "call.session_id", "call.started_at"}
	carriesJoined  = []string{
		"sender", "call.kind", "call.session_id", "call.type", "participant.uid", "participant.name", "participant.joined_at",
	}
	carriesLeft  = []string{"sender", "call.kind", "call.session_id", "call.type", "participant"}
	carriesEnded = []string{
		"call.kind", "call.session_id", "call.type", "call.started_at", "call.ended_at", "call.duration", "users",
	}
	carriesRecording     = []string{"call.kind", "call.session_id", "recording"}
	carriesTranscription = []string{
		"call.kind", "call.session_id", "call.started_at", "call.ended_at", "call.duration",
	}
)
