package rules

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Schema is the JSON Schema (draft-07, which every editor speaks) of rules.yaml, indented. It is made from the tables that Load
// reads with, so a key that is read is known to it, and one that this version does not apply yet is not.
func Schema(catalogue relay.Catalogue) []byte {
	triggers := slices.Sorted(maps.Keys(catalogue))
	summaries := make([]string, len(triggers))
	for i, trigger := range triggers {
		summaries[i] = catalogue[trigger].Summary
	}
	trigger := oneOf(triggers, summaries...)
	root := mapOf(fileKeys(), map[string]*schema{
		"version":  {Description: "The version of the language.", Const: 1},
		"defaults": described("What holds for every rule that does not say otherwise.", mapOf(defaultsKeys(), defaultsSchemas())),
		"rules": {
			Description: "Who is told what, when and how.", Type: "array", MaxItems: maxRules,
			Items: mapOf(ruleKeys(), ruleSchemas(trigger)),
		},
	})
	root.Schema = "http://json-schema.org/draft-07/schema#"
	root.Title = "rules.yaml of Beckon"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(root) // nothing in it can fail to encode
	return out.Bytes()
}

// schema is what we say of a value in JSON Schema.
type schema struct {
	Schema           string             `json:"$schema,omitempty"`
	Title            string             `json:"title,omitempty"`
	Description      string             `json:"description,omitempty"`
	Type             any                `json:"type,omitempty"`
	Default          any                `json:"default,omitempty"`
	Const            any                `json:"const,omitempty"`
	Enum             []string           `json:"enum,omitempty"`
	EnumDescriptions []string           `json:"enumDescriptions,omitempty"`
	Pattern          string             `json:"pattern,omitempty"`
	Minimum          *int               `json:"minimum,omitempty"`
	Maximum          *int               `json:"maximum,omitempty"`
	MaxLength        int                `json:"maxLength,omitempty"`
	AnyOf            []*schema          `json:"anyOf,omitempty"`
	Items            *schema            `json:"items,omitempty"`
	MinItems         int                `json:"minItems,omitempty"`
	MaxItems         int                `json:"maxItems,omitempty"`
	UniqueItems      bool               `json:"uniqueItems,omitempty"`
	Properties       map[string]*schema `json:"properties,omitempty"`
	Required         []string           `json:"required,omitempty"`
	Additional       *bool              `json:"additionalProperties,omitempty"`
	MinProperties    int                `json:"minProperties,omitempty"`
	MaxProperties    int                `json:"maxProperties,omitempty"`
}

// mapOf is a map with the keys of a table, each with its value's schema. A key without one is left out.
func mapOf[T any](keys []key[T], values map[string]*schema) *schema {
	out := closedMap(map[string]*schema{})
	for _, k := range keys {
		value, ok := values[k.name]
		if !ok {
			continue
		}
		out.Properties[k.name] = value
		if k.required {
			out.Required = append(out.Required, k.name)
		}
	}
	return out
}

// closedMap is a map with these keys and no others.
func closedMap(values map[string]*schema, required ...string) *schema {
	return &schema{Type: "object", Properties: values, Required: required, Additional: new(false)}
}

// described is the same with what an editor shows on hover.
func described(text string, s *schema) *schema {
	out := *s
	out.Description = text
	return &out
}

// withDefault is the same with the value that stands in where there is none.
func withDefault(value any, s *schema) *schema {
	out := *s
	out.Default = value
	return &out
}

func textValue() *schema { return &schema{Type: "string"} }

func boolValue(byDefault bool) *schema { return &schema{Type: "boolean", Default: byDefault} }

// oneOf is one of a few words, with what each means where that is given.
func oneOf[T ~string](words []T, meanings ...string) *schema {
	out := &schema{Type: "string", EnumDescriptions: meanings}
	for _, w := range words {
		out.Enum = append(out.Enum, string(w))
	}
	return out
}

// numberValue is a number from 1 up.
func numberValue(most int) *schema {
	return &schema{Type: "integer", Minimum: new(1), Maximum: &most}
}

// durationValue is as time.ParseDuration reads it, longer than nothing unless zero is allowed.
func durationValue(zero bool) *schema {
	out := &schema{Type: "string", Pattern: `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`}
	if zero {
		// `wait: 0` is a number to YAML, and no other number is a duration.
		out.Type, out.Minimum, out.Maximum = []string{"string", "integer"}, new(0), new(0)
	}
	return out
}

// nameValue is what word matches.
func nameValue() *schema { return &schema{Type: "string", Pattern: word.String()} }

// listOf is a list that is not empty.
func listOf(item *schema) *schema {
	return &schema{Type: "array", Items: item, MinItems: 1, UniqueItems: true}
}

// oneOrList is a value that may stand alone.
func oneOrList(item *schema) *schema {
	choices := item.AnyOf
	if len(choices) == 0 {
		choices = []*schema{item}
	}
	return &schema{AnyOf: append(slices.Clone(choices), listOf(item))}
}

// orOff is a value, or the word that wants none.
func orOff(s *schema) *schema {
	return &schema{AnyOf: []*schema{oneOf([]string{"off"}), s}}
}

func sendsValue() *schema {
	channels := map[string]*schema{}
	for _, channel := range relay.Channels() {
		channels[string(channel)] = described("The name of a template.", nameValue())
	}
	entry := closedMap(channels)
	entry.MinProperties, entry.MaxProperties = 1, 1
	return listOf(entry)
}

func quietHoursValue() *schema {
	clock := func(what string) *schema {
		return &schema{Type: "string", Description: what + `, such as "22:00".`, Pattern: `^([01]?[0-9]|2[0-3]):[0-5][0-9]$`}
	}
	return orOff(closedMap(map[string]*schema{"from": clock("When they begin"), "to": clock("When they end")}, "from", "to"))
}

func boundsValues() map[string]*schema {
	return map[string]*schema{
		"max": described("How many messages at the most.", numberValue(maxLimit)),
		"per": described("Within how long.", durationValue(false)),
	}
}

func limitsValue() *schema {
	values := boundsValues()
	values["by"] = described("What they are counted for each of; without it, all that the person gets on the channel.",
		oneOf([]By{ByConversation, ByRule, BySender}))
	list := listOf(mapOf(limitKeys(), values))
	list.MaxItems = maxLimits
	return orOff(list)
}

func onUnknownValue() *schema {
	return oneOf([]OnUnknown{Resend, GiveUp}, "it is sent again: twice is better than never", "it is not: never is better than twice")
}

func digestValue() *schema {
	return closedMap(map[string]*schema{
		"window": described("How long it is collected, from the first event on.", durationValue(false)),
		"by": withDefault(ByRecipient, described("Whether a person gets one for all conversations, or one for each.",
			oneOf([]By{ByRecipient, ByConversation}))),
		"max": withDefault(maxByDefault, described("How many events the message lists; the rest is counted.", numberValue(maxListed))),
	}, "window")
}

// maxByDefault is how many events a digest lists that does not say.
const maxByDefault = 20

func unlessValue(trigger *schema) *schema {
	var names, meanings []string
	for _, s := range shorthands() {
		names, meanings = append(names, s.name), append(meanings, clauseHelp(s.name))
	}
	list := listOf(&schema{AnyOf: []*schema{
		oneOf(names, meanings...),
		closedMap(map[string]*schema{
			"trigger": described("Of which trigger the later event is.", trigger),
			"if": described("What must be so, in CEL over event, later and recipient, such as same(later.sender.uid, recipient.uid).",
				conditionValue()),
		}, "trigger", "if"),
	}})
	list.MaxItems = maxClauses
	return list
}

func conditionValue() *schema { return &schema{Type: "string", MaxLength: maxExpression} }

func recipientsValue() *schema {
	var meanings []string
	for _, role := range relay.Roles() {
		meanings = append(meanings, roleHelp(role))
	}
	fixed := mapOf(fixedKeys(), map[string]*schema{
		"uid":   {Description: "A chat user.", Type: []string{"string", "integer"}},
		"email": {Description: "A mail address.", Type: "string", MaxLength: maxEmail},
		"phone": {Description: `A phone number with + and the country code, such as "+14155550123".`, Type: []string{"string", "integer"}},
	})
	fixed.MinProperties, fixed.MaxProperties = 1, 1
	return oneOrList(&schema{AnyOf: []*schema{oneOf(relay.Roles(), meanings...), fixed}})
}
