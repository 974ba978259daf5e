package relay

// WithoutContent is the event as a private rule tells of it: what happened, who did it, where and when, and nothing that
// somebody wrote, sent, recorded or reacted with. The event itself stays as it is.
func (e Event) WithoutContent() Event {
	e.Raw = nil
	if e.Message != nil {
		m := *e.Message
		m.Text, m.Mentions, m.Attachments, m.Metadata = "", nil, nil, nil
		e.Message = &m
	}
	if e.Recording != nil {
		r := *e.Recording
		r.URL = ""
		e.Recording = &r
	}
	if e.Reaction != nil {
		r := *e.Reaction
		r.Emoji = ""
		e.Reaction = &r
	}
	return e
}
