package cometchattest

import (
	"net/http"
	"strconv"
	"strings"
)

// User adds a user. metadata is whatever the app keeps of them, such as {"@private": {"email": "..."}}; nil is none.
func (s *Server) User(uid, name string, metadata any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[uid] = user{name: name, metadata: metadata}
}

// ContactDetails keeps what CometChat's notifications know of a user; either may be empty.
func (s *Server) ContactDetails(uid, email, phone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.details[uid] = map[string]string{}
	if email != "" {
		s.details[uid]["email"] = email
	}
	if phone != "" {
		s.details[uid]["phno"] = phone
	}
}

// Group makes a group of these users, who need not be known otherwise.
func (s *Server) Group(guid string, uids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[guid] = uids
}

// CountMembers lets pages of members say how many there are in all, as one would expect.
func (s *Server) CountMembers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals = true
}

// Conversation sets how many messages a user has not read in the conversation with another user, or in a group.
func (s *Server) Conversation(uid, other string, unread int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conversations[uid+" "+other] = unread
}

// Session keeps a call: who was called, and of those who joined.
func (s *Server) Session(id, caller string, called, joined []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var participants []any
	for _, uid := range append([]string{caller}, called...) {
		p := map[string]any{"uid": uid, "isJoined": false, "state": "unanswered"}
		for _, j := range joined {
			if j == uid {
				p["isJoined"], p["state"], p["joinedAt"] = true, "ended", 1772452800
			}
		}
		participants = append(participants, p)
	}
	s.sessions[id] = map[string]any{
		"sessionId": id, "initiator": caller, "receiverType": "group", "status": "ended", "type": "audio", "mode": "call",
		"initiatedAt": 1772452790, "totalDuration": "00:00:19", "participants": participants,
	}
}

// Attachment is a file of a message.
type Attachment struct {
	URL, Name, MIMEType string
	Size                int
}

// Message keeps a message to a user or, with "group:" before the guid, to a group.
func (s *Server) Message(id, sender, to string, files ...Attachment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, entity, conversation := "user", map[string]any{"uid": to}, min(sender, to)+"_user_"+max(sender, to)
	if guid, group := strings.CutPrefix(to, "group:"); group {
		kind, to, entity, conversation = "group", guid, map[string]any{"guid": guid}, "group_"+guid
	}
	var attachments []any
	for _, f := range files {
		attachments = append(attachments, map[string]any{"url": f.URL, "name": f.Name, "mimeType": f.MIMEType, "size": f.Size})
	}
	s.messages[id] = map[string]any{
		"id": id, "conversationId": conversation, "sender": sender, "receiverType": kind, "receiver": to, "category": "message",
		"type": "text", "sentAt": 1772452800, "data": map[string]any{
			"text": "a text that nobody else may see", "attachments": attachments, "entities": map[string]any{
				"sender":   map[string]any{"entityType": "user", "entity": s.shown(sender)},
				"receiver": map[string]any{"entityType": kind, "entity": entity},
			},
		},
	}
}

// shown is a user as the API shows them; the caller holds the lock.
func (s *Server) shown(uid string) map[string]any {
	out := map[string]any{
		"uid": uid, "name": "Name of " + uid, "avatar": "https://example.com/" + uid + ".png", "status": "offline", "role": "default",
		"createdAt": 1769000000,
	}
	if known, ok := s.users[uid]; ok {
		out["name"] = known.name
		if known.metadata != nil {
			out["metadata"] = known.metadata
		}
	}
	return out
}

// answer is what CometChat itself would answer.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/"+AppID+"/media/"); ok {
		s.file(w, r, name)
		return
	}
	switch r.Header.Get("Apikey") {
	case APIKey:
	case "":
		refuse(w, http.StatusUnauthorized, "AUTH_ERR_EMPTY_APIKEY")
		return
	default:
		refuse(w, http.StatusUnauthorized, "AUTH_ERR_APIKEY_NOT_FOUND")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path, ok := strings.CutPrefix(r.URL.Path, "/v3/")
	parts := strings.Split(path, "/")
	switch {
	case !ok || r.Method != http.MethodGet:
		refuse(w, http.StatusNotFound, "ERR_BAD_REQUEST")
	case len(parts) == 2 && parts[0] == "users":
		s.one(w, s.userData(parts[1]), "ERR_UID_NOT_FOUND")
	case len(parts) == 2 && parts[0] == "messages":
		s.one(w, s.messages[parts[1]], "ERR_MSG_NOT_FOUND")
	case len(parts) == 2 && parts[0] == "calls":
		s.one(w, s.sessions[parts[1]], "ERR_CALL_SESSION_NOT_FOUND")
	case len(parts) == 3 && parts[0] == "groups" && parts[2] == "members":
		s.members(w, r, parts[1])
	case len(parts) == 3 && parts[2] == "conversation":
		s.conversation(w, r.Header.Get("Onbehalfof"), parts[0], parts[1])
	case path == "notifications/v1/contact-details":
		s.contactDetails(w, r.Header.Get("Onbehalfof"))
	default:
		refuse(w, http.StatusNotFound, "ERR_BAD_REQUEST")
	}
}

func (s *Server) one(w http.ResponseWriter, data map[string]any, missing string) {
	if data == nil {
		refuse(w, http.StatusNotFound, missing)
		return
	}
	show(w, map[string]any{"data": data})
}

func (s *Server) userData(uid string) map[string]any {
	if _, ok := s.users[uid]; !ok {
		return nil
	}
	return s.shown(uid)
}

func (s *Server) contactDetails(w http.ResponseWriter, uid string) {
	if s.userData(uid) == nil {
		refuse(w, http.StatusNotFound, "ERR_UID_NOT_FOUND")
		return
	}
	details, ok := s.details[uid]
	if !ok {
		refuse(w, http.StatusNotFound, "ERR_CONTACT_DETAILS_NOT_FOUND")
		return
	}
	show(w, map[string]any{"data": details})
}

// members is one page. Its total is 0 unless CountMembers was called.
func (s *Server) members(w http.ResponseWriter, r *http.Request, guid string) {
	all, ok := s.groups[guid]
	if !ok {
		refuse(w, http.StatusNotFound, "ERR_GUID_NOT_FOUND")
		return
	}
	size := whole(r.URL.Query().Get("perPage"), 100, 100)
	page := whole(r.URL.Query().Get("page"), 1, 1<<20)
	from := min((page-1)*size, len(all))
	rows := []any{}
	for _, uid := range all[from:min(from+size, len(all))] {
		row := s.shown(uid)
		row["scope"], row["joinedAt"], row["conversationId"] = "participant", 1769000000, "group_"+guid
		rows = append(rows, row)
	}
	total, pages := 0, 0
	if s.totals {
		total, pages = len(all), (len(all)+size-1)/size
	}
	show(w, map[string]any{"data": rows, "meta": map[string]any{"pagination": map[string]any{
		"total": total, "count": len(rows), "per_page": size, "current_page": page, "total_pages": pages,
	}}})
}

// whole reads a number from 1 to most.
func whole(s string, usual, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return usual
	}
	return min(n, most)
}

// conversation shows it within a list and counts in a string, as the documented samples do.
func (s *Server) conversation(w http.ResponseWriter, uid, kind, other string) {
	unread, ok := s.conversations[uid+" "+other]
	if !ok {
		refuse(w, http.StatusNotFound, "ERR_CONVERSATION_NOT_FOUND")
		return
	}
	with := map[string]any{"uid": other}
	if kind == "groups" {
		with = map[string]any{"guid": other}
	}
	show(w, map[string]any{"data": []any{map[string]any{
		"conversationType": strings.TrimSuffix(kind, "s"), "unreadMessageCount": strconv.Itoa(unread), "createdAt": 1769000000,
		"conversationWith": with,
	}}})
}
