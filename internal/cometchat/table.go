package cometchat

import "github.com/beckon-relay/beckon/internal/relay"

// table is every trigger that Beckon knows, and the one place where one is added. It is never written to.
var table = map[relay.Trigger]entry{
	// Messages.
	relay.MessageSent: {
		summary: "a message was sent",
		carries: carriesMessage, roles: rolesOfMention, actor: relay.RoleSender, decode: decodeMessage,
	},
	relay.MessageEdited: {
		summary: "a message was edited",
		carries: carriesMessage, roles: rolesOfMention, actor: relay.RoleSender, decode: decodeChange,
	},
	relay.MessageDeleted: {
		summary: "a message was deleted",
		carries: carriesMessage, roles: rolesOfMessage, actor: relay.RoleSender, decode: decodeChange,
	},
	relay.UserMentioned: {
		summary: "a message mentions somebody; comes besides message_sent",
		carries: carriesMessage, roles: rolesOfMention, actor: relay.RoleSender, decode: decodeMention,
	},
	"before_message": {
		summary: "a message is about to be sent (legacy webhooks)",
		carries: carriesMessage, roles: rolesOfMention, actor: relay.RoleSender, decode: decodeMessage,
	},
	"after_message": {
		summary: "a message was sent (legacy webhooks)",
		carries: carriesMessage, roles: rolesOfMention, actor: relay.RoleSender, decode: decodeMessage,
	},

	// Receipts and reactions.
	"message_delivery_receipt": {
		summary: "a message reached one of its receivers",
		carries: carriesReceipt, roles: rolesOfReceipt, actor: relay.RoleSender, decode: decodeReceipt,
	},
	relay.MessageReadReceipt: {
		summary: "somebody read a message and all before it",
		carries: carriesReceipt, roles: rolesOfReceipt, actor: relay.RoleSender, decode: decodeReceipt,
	},
	"message_delivered_to_all": {
		summary: "a message reached everybody in its group",
		carries: carriesReceipt, roles: rolesOfAllReceipt, actor: relay.RoleSender, decode: decodeReceipt,
	},
	relay.MessageReadByAll: {
		summary: "everybody in its group read a message",
		carries: carriesReceipt, roles: rolesOfAllReceipt, actor: relay.RoleSender, decode: decodeReceipt,
	},
	"message_reaction_added": {
		summary: "somebody reacted to a message",
		carries: carriesReaction, roles: rolesOfReaction, actor: relay.RoleSender, decode: decodeReaction,
	},
	"message_reaction_removed": {
		summary: "somebody took a reaction back",
		carries: carriesReaction, roles: rolesOfReaction, actor: relay.RoleSender, decode: decodeReaction,
	},

	// Moderation.
	"moderation_engine_approved": {
		summary: "moderation let a message pass",
		carries: carriesModeration, roles: rolesOfMessage, actor: relay.RoleSender, decode: decodeModeration,
	},
	"moderation_engine_blocked": {
		summary: "moderation blocked a message",
		carries: carriesModeration, roles: rolesOfMessage, actor: relay.RoleSender, decode: decodeModeration,
	},
	"moderation_engine_failed": {
		summary: "moderation could not decide on a message",
		carries: carriesModeration, roles: rolesOfMessage, actor: relay.RoleSender, decode: decodeModeration,
	},
	"moderation_manual_approved": {
		summary: "a moderator let a blocked message pass",
		carries: carriesModeration, roles: rolesOfMessage, actor: relay.RoleSender, decode: decodeModeration,
	},

	// People.
	"user_blocked": {
		summary: "a user blocked another",
		carries: carriesBlock, roles: rolesOfBlock, actor: relay.RoleSender, decode: decodeBlock,
	},
	"user_unblocked": {
		summary: "a user unblocked another",
		carries: carriesBlock, roles: rolesOfBlock, actor: relay.RoleSender, decode: decodeBlock,
	},
	relay.UserConnectionStatus: {
		summary: "a user came online or went offline",
		carries: []string{"sender", "status"}, roles: roles{relay.RoleSender: relay.FromPayload}, actor: relay.RoleSender, decode: decodePresence,
	},

	// Groups.
	"group_created": {
		summary: "a group was created",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleSender, decode: decodeCreated,
	},
	"group_updated": {
		summary: "a group's name or settings changed",
		carries: carriesGroup, roles: rolesOfGroup, actor: relay.RoleSender, decode: decodeGroup,
	},
	"group_deleted": {
		summary: "a group was deleted",
		carries: carriesGroup, roles: rolesOfGoneGroup, actor: relay.RoleSender, decode: decodeGroup,
	},
	"group_owner_transferred": {
		summary: "a group got another owner",
		carries: carriesGroup, roles: rolesOfGroup, actor: relay.RoleSender, decode: decodeGroup,
	},
	"group_member_added": {
		summary: "people were added to a group",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleSender, decode: decodeMembers,
	},
	"group_member_kicked": {
		summary: "people were put out of a group",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleSender, decode: decodeMembers,
	},
	"group_member_removed": {
		summary: "people were removed from a group (no payload is documented)",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleSender, decode: decodeMembers,
	},
	"group_member_banned": {
		summary: "people were banned from a group",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleSender, decode: decodeMembers,
	},
	"group_member_unbanned": {
		summary: "a ban from a group was lifted",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleSender, decode: decodeMembers,
	},
	"group_member_scope_changed": {
		summary: "a member became admin, moderator or participant",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleSender, decode: decodeMembers,
	},
	"group_member_joined": {
		summary: "somebody joined a group",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleMembers, decode: decodeOwnMembership,
	},
	"group_member_left": {
		summary: "somebody left a group",
		carries: carriesMembers, roles: rolesOfMembers, actor: relay.RoleMembers, decode: decodeOwnMembership,
	},

	// Calls: ringing.
	relay.CallInitiated: {
		summary: "somebody calls",
		carries: carriesRinging, roles: rolesOfRinging, actor: relay.RoleCaller, decode: decodeRinging,
	},
	relay.CallUnanswered: {
		summary: "a call rang until it stopped by itself",
		carries: carriesRinging, roles: rolesOfRinging, actor: relay.RoleCaller, decode: decodeRinging,
	},
	relay.CallRejected: {
		summary: "the person called declined",
		carries: carriesRinging, roles: rolesOfRinging, actor: relay.RoleCaller, decode: decodeRinging,
	},
	relay.CallBusy: {
		summary: "the person called was in another call",
		carries: carriesRinging, roles: rolesOfRinging, actor: relay.RoleCaller, decode: decodeRinging,
	},
	relay.CallCancelled: {
		summary: "the caller hung up before anyone answered",
		carries: carriesRinging, roles: rolesOfRinging, actor: relay.RoleCaller, decode: decodeRinging,
	},

	// Calls and meetings: the session.
	relay.CallStarted: {
		summary: "the first person entered a call",
		carries: carriesStarted, roles: rolesOfSession, actor: relay.RoleCaller, decode: decodeStarted,
	},
	relay.CallJoined: {
		summary: "somebody joined a call",
		carries: carriesJoined, roles: rolesOfSession, actor: relay.RoleCaller, decode: decodeJoined,
	},
	"call_participant_left": {
		summary: "somebody left a call",
		carries: carriesLeft, roles: rolesOfSession, actor: relay.RoleCaller, decode: decodeLeft,
	},
	"call_ended": {
		summary: "a call that was answered ended",
		carries: carriesEnded, roles: rolesOfSession, actor: relay.RoleCaller, decode: decodeEnded,
	},
	"meeting_started": {
		summary: "the first person entered a meeting",
		carries: carriesStarted, roles: rolesOfMeeting, actor: relay.RoleSender, decode: decodeStarted,
	},
	"meeting_participant_joined": {
		summary: "somebody joined a meeting",
		carries: carriesJoined, roles: rolesOfMeeting, actor: relay.RoleSender, decode: decodeJoined,
	},
	"meeting_participant_left": {
		summary: "somebody left a meeting",
		carries: carriesLeft, roles: rolesOfMeeting, actor: relay.RoleSender, decode: decodeLeft,
	},
	"meeting_ended": {
		summary: "a meeting ended",
		carries: carriesEnded, roles: rolesOfMeeting, actor: relay.RoleSender, decode: decodeEnded,
	},
	"recording_generated": {
		summary: "the recording of a call is ready",
		carries: carriesRecording, roles: rolesOfSession, actor: relay.RoleSender, decode: decodeRecording,
	},
	"transcription_generated": {
		summary: "the transcript of a call is ready",
		carries: carriesTranscription, roles: rolesOfSession, actor: relay.RoleSender, decode: decodeTranscription,
	},

	// CometChat's own notification service, set to post here.
	relay.SMSNotification: {
		summary: "its notification service wants a person texted about unread messages",
		carries: carriesMessage, roles: rolesOfNotification, actor: relay.RoleSender, decode: decodeNotification,
	},
	relay.EmailNotification: {
		summary: "its notification service wants a person mailed about unread messages",
		carries: carriesMessage, roles: rolesOfNotification, actor: relay.RoleSender, decode: decodeNotification,
	},
}
