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
		relay.Field{Name: "rule", Shape: object("rule", relay.Field{Name: "name", Shape: text("rule.name")})},
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
	strip := func(event *relay.Event) *relay.Event {
		stripped := *event
		stripped.Raw = nil
		return &stripped
	}
	req.Event = strip(req.Event)
	req.Events = slices.Clone(req.Events)
	for i, told := range req.Events {
		req.Events[i].Event = strip(told.Event)
	}
	return req
}

// data is the dot of a template.
func (req Request) data() map[string]any {
	zone := req.TimeZone
	if zone == nil {
		zone = time.UTC
	}
	view := func(s *relay.Shape, value any) any { return shown(s, "", s.View(value), zone) }
	event := view(req.Shape, req.Event)
	events := []any{event}
	if len(req.Events) > 0 {
		events = events[:0]
		for _, told := range req.Events {
			events = append(events, view(told.Shape, told.Event))
		}
	}
	count := max(req.Count, len(events))
	return map[string]any{
		"event":     event,
		"recipient": view(relay.RecipientShape(), &req.Recipient),
		"rule":      map[string]any{"name": req.Rule},
		"links":     map[string]any{"unsubscribe": req.Links.Unsubscribe, "media": req.Links.Media},
		"events":    events,
		"count":     count,
		"more":      count - len(events),
	}
}

// shown makes a view fit to be shown: texts and names cleaned, times in the recipient's zone. JSON of unknown shape stays
// as it was sent.
func shown(s *relay.Shape, name string, value any, zone *time.Location) any {
	switch v := value.(type) {
	case map[string]any:
		for _, f := range s.Fields {
			v[f.Name] = shown(f.Shape, f.Name, v[f.Name], zone)
		}
	case []any:
		for i := range v {
			if s.Kind == relay.KindList {
				v[i] = shown(s.Elem, name, v[i], zone)
			}
		}
	case time.Time:
		return v.In(zone)
	case string:
		if s.Kind == relay.KindAny {
			return v
		}
		if name == "name" {
			return cleanName(v)
		}
		return cleanText(v)
	}
	return value
}
