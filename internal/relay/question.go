package relay

// Topic is what a Question is about.
type Topic string

// Topics.
const (
	// TopicMembers: who is in the group with that guid.
	TopicMembers Topic = "members"
	// TopicAuthor: who wrote the message with that id.
	TopicAuthor Topic = "author"
	// TopicJoined: who joined the call session with that id.
	TopicJoined Topic = "joined"
	// TopicUnread: how many messages in the group with that guid a person has not read.
	TopicUnread Topic = "unread"
)

// Question is something that only the chat app itself can say, because no webhook does.
type Question struct {
	Topic Topic
	// ID is a guid, a message id or the id of a call session, by topic.
	ID string
	// UID is whose, where the topic is TopicUnread.
	UID string
}

// AnswerState says what came of a Question.
type AnswerState string

// Answer states.
const (
	// AnswerGiven: the chat app said it.
	AnswerGiven AnswerState = "given"
	// AnswerMissing: it knows no such group, message or session, or keeps no count of what is unread.
	AnswerMissing AnswerState = "missing"
	// AnswerTooMany: there are more people than may be told at once.
	AnswerTooMany AnswerState = "too many"
	// AnswerDown: it did not answer, so nobody can say. It is asked again.
	AnswerDown AnswerState = "down"
	// AnswerNobody: there is nobody to ask, since the settings have no key for the chat app's API.
	AnswerNobody AnswerState = "nobody to ask"
)

// Answer is what the chat app said to a Question.
type Answer struct {
	State AnswerState
	// People are uids: the members, those who joined, or the one author.
	People []string
	// Unread is how many messages are, where that was asked.
	Unread int
}

// MaxGroup is how many people one alert is resolved to at most, whatever the settings say.
const MaxGroup = 10_000
