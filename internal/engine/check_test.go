package engine_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// lines are findings as one reads them.
func lines(findings []rules.Finding) []string {
	out := make([]string, 0, len(findings))
	for _, f := range findings {
		out = append(out, f.String())
	}
	return out
}

// mentionRule is a rule for user_mentioned with these keys beside.
func mentionRule(keys string) string {
	return fmt.Sprintf("version: 1\nrules:\n  - { name: told, trigger: user_mentioned, to: mentioned, %s }\n", keys)
}

func TestBuildProvesFallbacksToo(t *testing.T) {
	t.Parallel()
	source := mentionRule("send: [ { sms: note } ], fallback: [ { email: letter } ]")
	g, findings := build(t, source, map[string]string{"note/sms.txt": "hi"})
	require.Nil(t, g)
	require.Equal(t, []string{`rules.yaml:3:105: there is no email template "letter" (templates for email: none)`}, lines(findings))

	g, findings = build(t, source, map[string]string{
		"note/sms.txt": "hi", "letter/email.subject.txt": "hi", "letter/email.txt": "{{.event.call.id}}",
	})
	require.Nil(t, g)
	require.Equal(t, []string{"letter/email.txt:1:10: event.call is not carried by this trigger (used by rule \"told\" for user_mentioned)"},
		lines(findings))
}

func TestBuildRendersDigestsWithSeveralEvents(t *testing.T) {
	t.Parallel()
	templates := map[string]string{"note/sms.txt": "{{if gt .count 1}}{{(index .events 2).id}}{{else}}hi{{end}}"}
	g, findings := build(t, mentionRule("send: [ { sms: note } ]"), templates)
	require.NotNil(t, g, "%v", findings)
	require.Empty(t, findings)
	g, findings = build(t, mentionRule("send: [ { sms: note } ], digest: { window: 10m }"), templates)
	require.Nil(t, g)
	require.Len(t, findings, 1)
	require.Contains(t, findings[0].Message, "does not render for a digest that begins with a sample of user_mentioned")

	both := `{version: 1, rules: [{name: told, trigger: [user_mentioned, message_edited], to: [sender], include_actor: true,
		digest: {window: 10m}, send: [{sms: note}]}]}`
	g, findings = build(t, both, templates)
	require.NotNil(t, g, "the third is of the other trigger: %v", findings)
	g, findings = build(t, both, map[string]string{"note/sms.txt": "{{range .events}}{{.sender.name}} {{.more}}{{end}}"})
	require.Nil(t, g)
	require.Len(t, findings, 2, "an element has the fields of an event, for each of the triggers: %v", findings)
}

func TestBuildWarnsOfALocaleThatOnlyOthersHave(t *testing.T) {
	t.Parallel()
	g, findings := build(t, mentionRule("send: [ { sms: note }, { email: letter } ]"), map[string]string{
		"note/sms.txt": "hi", "note/fr/sms.txt": "salut", "note/pt/sms.txt": "oi", "unused/sms.txt": "a", "unused/nl/sms.txt": "b",
		"letter/email.subject.txt": "s", "letter/email.txt": "hi", "letter/de/email.txt": "hallo", "letter/pt-BR/email.txt": "oi",
	})
	require.NotNil(t, g, "warnings forbid nothing")
	require.Equal(t, []string{
		"rules.yaml:3:74: warning: template note has no de variant for sms; people with that locale get en",
		"rules.yaml:3:91: warning: template letter has no fr variant for email; people with that locale get en",
	}, lines(findings))

	_, findings = build(t, "defaults: { locale: de }\n"+mentionRule("send: [ { sms: note }, { sms: other } ]"), map[string]string{
		"note/sms.txt": "hi", "note/fr/sms.txt": "salut", "note/de/sms.txt": "hallo", "other/sms.txt": "ho", "other/de/sms.txt": "ho",
	})
	require.Len(t, findings, 1)
	require.Contains(t, findings[0].Message, "template other has no fr variant for sms; people with that locale get de")
}

func TestBuildWarnsOfAFewCharactersThatDoubleThePrice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one letter", "Fête\nfête", []string{`note/sms.txt:1:2: warning: "ê" (U+00EA) is not in GSM-7: with it the whole SMS is sent as ` +
			`UCS-2, where a segment holds 70 characters and not 160 (write "e")`}},
		{"a picture", "hi {{.event.sender.name}} ❤️", []string{`note/sms.txt:1:27: warning: "❤️" (U+2764 U+FE0F) is not in GSM-7: with it the ` +
			`whole SMS is sent as UCS-2, where a segment holds 70 characters and not 160 (write something else, or leave it out)`}},
		{"what Twilio replaces by itself", "“hi” – it’s me…", nil},
		{"an alphabet of its own", "Да", nil},
		{"more than a few", "ąęśź", nil},
		{"letters of GSM-7", "Grüße, à demain", nil},
	} {
		g, findings := build(t, mentionRule("send: [ { sms: note } ]"), map[string]string{"note/sms.txt": c.text})
		require.NotNil(t, g)
		require.ElementsMatch(t, c.want, lines(findings), c.name)
	}
}

func TestBuildWarnsOfASampleThatIsCut(t *testing.T) {
	t.Parallel()
	g, findings := build(t, mentionRule("send: [ { sms: note } ]"), map[string]string{"note/sms.txt": `a{{printf "%500s" "."}}`})
	require.NotNil(t, g)
	require.Equal(t, []string{"rules.yaml:3:74: warning: the SMS of template note (en) is cut for a sample of user_mentioned: whole it would " +
		"take 4 segments, and max_segments is 3 (shorten the template, or raise `max_segments`)"}, lines(findings))
	_, findings = build(t, "defaults: { max_segments: 4 }\n"+mentionRule("send: [ { sms: note } ]"),
		map[string]string{"note/sms.txt": `a{{printf "%500s" "."}}`})
	require.Empty(t, findings)
}

func TestMeasureTakesTheSampleThatCostsTheMost(t *testing.T) {
	t.Parallel()
	g, findings := build(t, `{version: 1, rules: [{name: told, trigger: [user_mentioned, message_sent], to: sender, include_actor: true,
		send: [{sms: note}], fallback: [{email: letter}, {sms: last}]}, {name: again, trigger: user_mentioned, to: mentioned, send: [{sms: note}]}]}`,
		map[string]string{
			"note/sms.txt":    `{{if eq .event.trigger "message_sent"}}longer{{else}}short{{end}}`,
			"note/de/sms.txt": "→", "last/sms.txt": "hi", "last/de/sms.txt": "ha",
			"letter/email.subject.txt": "s", "letter/email.txt": "hi", "letter/de/email.txt": "hi",
		})
	require.NotNil(t, g, "%v", findings)
	type row struct {
		template, locale, trigger, encoding string
		units                               int
	}
	var got []row
	for _, m := range g.Measure(sample(t)) {
		got = append(got, row{m.Template, m.Locale, string(m.Trigger), m.Size.Encoding, m.Size.Units})
	}
	require.Equal(t, []row{
		{"note", "", "message_sent", "GSM-7", 6},
		{"note", "de", "user_mentioned", "UCS-2", 1},
		{"last", "", "user_mentioned", "GSM-7", 2},
		{"last", "de", "user_mentioned", "GSM-7", 2},
	}, got)
}

func TestBuildNamesTheCharacterThatACutTakesAway(t *testing.T) {
	t.Parallel()
	g, findings := build(t, mentionRule("send: [ { sms: note } ]"), map[string]string{"note/sms.txt": `a{{printf "%300s" "."}} → b`})
	require.NotNil(t, g)
	require.Equal(t, []string{
		`note/sms.txt:1:25: warning: "→" (U+2192) is not in GSM-7: with it the whole SMS is sent as UCS-2, where a segment holds 70 ` +
			`characters and not 160 (write "->")`,
		"rules.yaml:3:74: warning: the SMS of template note (en) is cut for a sample of user_mentioned: whole it would take 5 segments, and " +
			"max_segments is 3; without \"→\" (U+2192), not in GSM-7, it would take 2 segments (shorten the template, or raise `max_segments`)",
	}, lines(findings))
	measured := g.Measure(sample(t))
	require.Len(t, measured, 1)
	require.Equal(t, 3, measured[0].CutTo)
	require.Equal(t, 5, measured[0].Size.Segments, "as the text is, and not what is left of it")
	require.Equal(t, render.UCS2, measured[0].Size.Encoding)
}

func TestBuildLooksAtDigestsWithMoreThanTheyList(t *testing.T) {
	t.Parallel()
	keys := "send: [ { sms: note } ], digest: { window: 10m, max: 30 }"
	g, findings := build(t, mentionRule(keys), map[string]string{
		"note/sms.txt": `{{.count}}:{{range .events}} {{.sender.name}}{{end}}{{with .more}} ê {{.}} more{{end}}`,
	})
	require.NotNil(t, g)
	require.Len(t, findings, 1, "%v", findings)
	require.Contains(t, findings[0].Message, `"ê" (U+00EA) is not in GSM-7: with it`)
	measured := g.Measure(sample(t))
	require.Len(t, measured, 2)
	require.Equal(t, 0, measured[0].Digest)
	require.Equal(t, 31, measured[1].Digest)
	require.Equal(t, 13, measured[1].Listed, "as many as three segments of UCS-2 hold")
	require.Equal(t, 3, measured[1].Size.Segments)
	require.Zero(t, measured[1].CutTo)

	_, findings = build(t, mentionRule(keys), map[string]string{"note/sms.txt": `a{{range .events}}{{if gt $.count 30}}{{printf "%500s" "."}}{{end}}{{end}}hi`})
	require.Equal(t, []string{
		"rules.yaml:3:74: warning: the SMS of template note (en) is cut for a digest of 31 samples of user_mentioned, though it lists only " +
			"one event: whole it would take 4 segments, and max_segments is 3 (shorten the template, or raise `max_segments`)",
	}, lines(findings))
}

func TestBuildNamesOddCharactersOfBranchesThatNoSampleTakes(t *testing.T) {
	t.Parallel()
	const warning = `: warning: "→" (U+2192) is not in GSM-7: where this branch is taken, the whole SMS is sent as UCS-2, where a segment holds 70 ` +
		`characters and not 160 (write "->")`
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"a branch", map[string]string{"note/sms.txt": "hi\n{{if .event.message.parent_id}}a → b{{end}}"}, []string{"note/sms.txt:2:34" + warning}},
		{"a shared part, of two templates", map[string]string{
			"note/sms.txt": `hi{{if .event.message.parent_id}}{{template "in" .}}{{end}}`, "_shared/in.txt": "→", "note/de/sms.txt": `{{template "in" .}}`,
			"_shared/de/in.txt": "-", "other/sms.txt": `hi{{if .event.message.parent_id}}{{template "in" .}}{{end}}`, "other/de/sms.txt": "ho",
		}, []string{"_shared/in.txt:1:1" + warning}},
		{"a constant", map[string]string{"note/sms.txt": `{{or .event.sender.name "→"}}`}, []string{"note/sms.txt:1:26" + warning}},
		{"what is compared", map[string]string{"note/sms.txt": `{{if eq .event.sender.name "→"}}hi{{else}}ho{{end}}`}, nil},
		{"what Twilio replaces", map[string]string{"note/sms.txt": "hi{{if .event.message.parent_id}}…{{end}}"}, nil},
		{"an alphabet of its own", map[string]string{"note/sms.txt": "Да{{if .event.message.parent_id}}→{{end}}"}, nil},
		{"more than a few", map[string]string{"note/sms.txt": "hi{{if .event.message.parent_id}}ąęśź{{end}}"}, nil},
	} {
		if c.files["other/sms.txt"] == "" {
			c.files["other/sms.txt"] = "ho"
		}
		g, findings := build(t, mentionRule("send: [ { sms: note }, { sms: other } ]"), c.files)
		require.NotNil(t, g)
		require.ElementsMatch(t, c.want, lines(findings), c.name)
	}
}

func TestBuildWarnsOfADefaultLocaleThatNoTemplateHas(t *testing.T) {
	t.Parallel()
	templates := map[string]string{"note/sms.txt": "hi", "note/de/sms.txt": "ha"}
	for locale, want := range map[string][]string{
		"fr": {"rules.yaml:2:11: warning: `defaults.locale` is fr, and no template in use has files for it: people whose language is not known " +
			"get en (write them, or name another locale)"},
		"de-AT": nil, "de": nil, "en-GB": nil,
	} {
		_, findings := build(t, "defaults:\n  locale: "+locale+"\n"+mentionRule("send: [ { sms: note } ]"), templates)
		require.ElementsMatch(t, want, lines(findings), locale)
	}
	_, findings := build(t, "defaults: {expires: 1h, \"locale\": fr} # locale: fr\n"+mentionRule("send: [ { sms: note } ]"), templates)
	require.Len(t, findings, 1)
	require.Equal(t, [2]int{1, 35}, [2]int{findings[0].Line, findings[0].Column})
}

func TestBuildChecksTheSoundTemplatesBesideBrokenOnes(t *testing.T) {
	t.Parallel()
	set, _ := rules.Load("rules.yaml", []byte(mentionRule("send: [ { sms: broken }, { sms: sound }, { sms: missing }, { email: broken } ]")), cometchat.Catalogue())
	templates, problems := render.Survey(fstest.MapFS{
		"broken/sms.txt": {Data: []byte("{{if}}")}, "sound/sms.txt": {Data: []byte("{{.event.call.id}}")}, "sound/de/sms.txt": {Data: []byte("ha")},
	})
	require.Len(t, problems, 1)
	_, findings := engine.Build(engine.Parts{Rules: set, Templates: templates, Catalogue: cometchat.Catalogue(), Sample: sample(t)})
	require.Len(t, findings, 2, "%v", findings)
	require.Contains(t, findings[0].Message, "event.call is not carried by this trigger")
	require.Contains(t, findings[1].Message, `there is no sms template "missing"`)
}

func TestBuildFindsATemplateThatTellsOfTheFirstOfADigestAlone(t *testing.T) {
	t.Parallel()
	rule := mentionRule("send: [ { sms: note } ], digest: { window: 10m }")
	_, findings := build(t, rule, map[string]string{"note/sms.txt": "{{.event.sender.name}}"})
	require.Equal(t, []string{`rules.yaml:3:74: warning: template note (en) tells of the first event of a digest alone (list .events, or write .count)`}, lines(findings))
	for _, text := range []string{"{{.count}} new", "{{range .events}}{{.sender.name}} {{end}}"} {
		_, findings = build(t, rule, map[string]string{"note/sms.txt": text})
		require.Empty(t, findings, text)
	}
}
