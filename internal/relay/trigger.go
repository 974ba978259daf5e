package relay

// Trigger is CometChat's name for what happened. It is an open set: an unknown one is accepted and kept.
type Trigger string

// The triggers that Beckon's own code names. All that it can decode stand in the catalogue (package cometchat).
const (
	// BeforeMessage is of CometChat's legacy system: what is answered to it is written into the chat.
	BeforeMessage        Trigger = "before_message"
	MessageSent          Trigger = "message_sent"
	MessageEdited        Trigger = "message_edited"
	MessageDeleted       Trigger = "message_deleted"
	MessageReadReceipt   Trigger = "message_read_receipt"
	MessageReadByAll     Trigger = "message_read_by_all"
	UserMentioned        Trigger = "user_mentioned"
	UserConnectionStatus Trigger = "user_connection_status_changed"
	CallInitiated        Trigger = "call_initiated"
	CallStarted          Trigger = "call_started"
	CallJoined           Trigger = "call_participant_joined"
	CallRejected         Trigger = "call_rejected"
	CallBusy             Trigger = "call_busy"
	CallUnanswered       Trigger = "call_unanswered"
	CallCancelled        Trigger = "call_cancelled"
	// SMSNotification and EmailNotification are posts of CometChat's own notification service.
	SMSNotification   Trigger = "sms-notification-payload-generated"
	EmailNotification Trigger = "email-notification-payload-generated"
)

// Role names people by their part in an event; `to` in a rule is a list of them.
type Role string

// Roles. Which of them a trigger offers stands in its TriggerSpec.
const (
	RoleSender       Role = "sender"
	RoleReceiver     Role = "receiver"
	RoleMentioned    Role = "mentioned"
	RoleCaller       Role = "caller"
	RoleCallee       Role = "callee"
	RoleParticipants Role = "participants"
	RoleMembers      Role = "members"
	RoleGroupMembers Role = "group_members"
	RoleGroupOwner   Role = "group_owner"
	RoleAuthor       Role = "author"
	RoleBlocked      Role = "blocked"
	// RoleFixed is an address or uid written in the rule itself.
	RoleFixed Role = "fixed"
)

// Roles lists every role a rule may name, in the order of the documentation.
func Roles() []Role {
	return []Role{
		RoleSender, RoleReceiver, RoleMentioned, RoleCaller, RoleCallee, RoleParticipants, RoleMembers,
		RoleGroupMembers, RoleGroupOwner, RoleAuthor, RoleBlocked,
	}
}

// Source says where the people of a role come from.
type Source string

const (
	// FromPayload means the webhook itself names them.
	FromPayload Source = "payload"
	// FromSession means the webhook names nobody; kept events of the same call session do, when the alert is due.
	FromSession Source = "session"
	// FromCometChat means only CometChat's REST API knows them.
	FromCometChat Source = "cometchat"
)

// TriggerSpec is what is known about a trigger before any event of it arrives.
type TriggerSpec struct {
	Name Trigger
	// Summary says in a few words when CometChat sends it.
	Summary string
	// Carries lists the fields of the vocabulary that the trigger has besides the envelope, as paths below
	// `event` ("sender", "message.id"). A path to an object stands for all its fields.
	Carries []string
	// Roles says who can be told of it, and where they come from. Where a role can come from the payload in a
	// 1:1 conversation and only from CometChat in a group, the better source stands here.
	Roles map[Role]Source
	// Actor is the role that did it and is not told of their own doing.
	Actor Role
}

// Catalogue is every trigger Beckon knows, by name. It is built once (package cometchat) and never changed.
type Catalogue map[Trigger]TriggerSpec
