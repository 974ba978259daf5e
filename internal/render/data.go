package render

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// rootShape is the shape of what a template sees as its dot, for events of one shape. In a digest of several triggers each of
// the events has another; but what Check finds right for each of them is right for any mixture, since a name means the same
// in all of them.
func rootShape(event *relay.Shape) *relay.Shape {
	text := func(path string) *relay.Shape { return &relay.Shape{Path: path, Kind: relay.KindString} }
	object := func(path string, fields ...relay.Field) *relay.Shape {
		return &relay.Shape{Path: path, Kind: relay.KindObject, Fields: fields}
	}
	return object("",
		relay.Field{Name: "event", Shape: event},
		relay.Field{Name: "recipient", Shape: relay.RecipientShape()},
		relay.Field{Name: "rule", Shape: object("rule",
			relay.Field{Name: "name", Shape: text("rule.name")},
			relay.Field{Name: "private", Shape: &relay.Shape{Path: "rule.private", Kind: relay.KindBool}})},
		relay.Field{Name: "links", Shape: object("links",
			relay.Field{Name: "unsubscribe", Shape: text("links.unsubscribe")},
			relay.Field{Name: "media", Shape: text("links.media")})},
		relay.Field{Name: "events", Shape: &relay.Shape{Path: "events", Kind: relay.KindList, Elem: event}},
		relay.Field{Name: "count", Shape: &relay.Shape{Path: "count", Kind: relay.KindInt}},
		relay.Field{Name: "more", Shape: &relay.Shape{Path: "more", Kind: relay.KindInt}},
	)
}

// bodyShape is what the body of a mail sees: the subject too, which is made before it.
func bodyShape(event *relay.Shape) *relay.Shape {
	root := rootShape(event)
	root.Fields = append(root.Fields, relay.Field{Name: "subject", Shape: &relay.Shape{Path: "subject", Kind: relay.KindString}})
	return root
}

// withoutRaw is the request without the JSON as it was sent, which templates then see as null.
func (req Request) withoutRaw() Request {
	return req.each(func(event relay.Event) relay.Event {
		event.Raw = nil
		return event
	})
}

// withoutContent is the request as a private rule has it, so that no template can tell what it must not.
func (req Request) withoutContent() Request {
	req.Links.Attachments, req.Links.Recording = nil, ""
	req = req.each(relay.Event.WithoutContent)
	for i := range req.Events {
		req.Events[i].Links = Links{}
	}
	return req
}

// each is the request with its events changed.
func (req Request) each(change func(relay.Event) relay.Event) Request {
	event := change(*req.Event)
	req.Event = &event
	req.Events = slices.Clone(req.Events)
	for i, told := range req.Events {
		event := change(*told.Event)
		req.Events[i].Event = &event
	}
	return req
}

// data is the dot of a template whose text is in that language.
func (req Request) data(text speech) map[string]any {
	v := viewer{zone: req.TimeZone, format: formatFor(text, req)}
	if v.zone == nil {
		v.zone = time.UTC
	}
	event := v.event(req.Shape, req.Event, req.Links)
	events := []any{event}
	if len(req.Events) > 0 {
		events = events[:0]
		for _, told := range req.Events {
			events = append(events, v.event(told.Shape, told.Event, told.Links))
		}
	}
	count := max(req.Count, len(events))
	return map[string]any{
		"event":     event,
		"recipient": v.view(relay.RecipientShape(), &req.Recipient),
		"rule":      map[string]any{"name": req.Rule, "private": req.Private},
		"links":     map[string]any{"unsubscribe": req.Links.Unsubscribe, "media": req.Links.first()},
		"events":    events,
		"count":     count,
		"more":      count - len(events),
	}
}

// viewer makes views for a recipient.
type viewer struct {
	zone   *time.Location
	format *format
}

func (v viewer) view(s *relay.Shape, value any) any { return v.shown(s, "", s.View(value)) }

// event is the view of an event in which our links stand for the addresses of its files: those a chat user chose, they go
// stale, and CometChat's keys open them.
func (v viewer) event(s *relay.Shape, event *relay.Event, links Links) any {
	view := v.view(s, event)
	for i, file := range list(field(field(view, "message"), "attachments")) {
		put(file, "url", links.attachment(i))
	}
	put(field(view, "recording"), "url", links.Recording)
	return view
}

func field(view any, name string) any {
	object, _ := view.(map[string]any)
	return object[name]
}

func list(view any) []any {
	items, _ := view.([]any)
	return items
}

// put sets a field that is there.
func put(view any, name string, value any) {
	if object, ok := view.(map[string]any); ok && object[name] != nil {
		object[name] = value
	}
}

// shown makes a view fit to be shown: texts and names cleaned, times in the recipient's zone and format. JSON of unknown shape
// stays as it was sent.
func (v viewer) shown(s *relay.Shape, name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for _, f := range s.Fields {
			value[f.Name] = v.shown(f.Shape, f.Name, value[f.Name])
		}
	case []any:
		for i := range value {
			if s.Kind == relay.KindList {
				value[i] = v.shown(s.Elem, name, value[i])
			}
		}
	case time.Time:
		return moment{value.In(v.zone), v.format}
	case string:
		if s.Kind == relay.KindAny {
			return value
		}
		if name == "name" {
			return cleanName(value)
		}
		return cleanText(value)
	}
	return value
}
