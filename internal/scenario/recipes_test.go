package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/scenario"
)

const (
	docs      = "../../docs/"
	testFiles = ".test.yaml"
)

// example is a fenced block of docs/rules.md. The line above it may link to the file that it shows. Otherwise the second word
// after the fence says what it is: a complete file of rules or tests, or a part of one. GitHub goes by the first word alone.
type example struct {
	line    int
	section string
	// file is below docs; empty for a block that shows none.
	file     string
	language string
	kind     string
	// note is the third word: what is wrong with the block on purpose.
	note string
	text string
}

var linked = regexp.MustCompile(`\]\(((?:recipes|\.\./templates)/[^)]+)\)`)

// examples reads the blocks of the page.
func examples(t *testing.T) []example {
	t.Helper()
	page, err := os.ReadFile(docs + "rules.md")
	require.NoError(t, err)
	var out []example
	var current *example
	section, above := "", ""
	for n, line := range strings.Split(string(page), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && current != nil:
			out, current, above = append(out, *current), nil, ""
		case isFence:
			words := append(strings.Fields(fence), "", "", "")
			current = &example{line: n + 1, section: section, language: words[0], kind: words[1], note: words[2]}
			if link := linked.FindStringSubmatch(above); link != nil {
				current.file = link[1]
			}
		case current != nil:
			current.text += line + "\n"
		case strings.HasPrefix(line, "#"):
			section, above = line, ""
		case line != "":
			above = line
		}
	}
	require.Nil(t, current, "a block of the page does not end")
	require.NotEmpty(t, out)
	return out
}

// recipes are the names of the files of rules in docs/recipes.
func recipes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(docs + "recipes/*.yaml")
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		if !strings.HasSuffix(file, testFiles) {
			names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
		}
	}
	require.Len(t, names, 8, "docs/rules.md promises eight recipes")
	return names
}

func TestEachRecipeHasASectionThatShowsItAndOneOfItsTests(t *testing.T) {
	t.Parallel()
	all := examples(t)
	taken := map[string]string{}
	for _, name := range recipes(t) {
		shows := func(file string) string {
			i := slices.IndexFunc(all, func(e example) bool { return e.file == "recipes/"+file })
			require.GreaterOrEqual(t, i, 0, "docs/rules.md shows nothing of recipes/%s, or does not link to it right above", file)
			return all[i].section
		}
		section := shows(name + ".yaml")
		require.Equal(t, section, shows(name+testFiles), "%s and its test stand in different sections", name)
		require.Empty(t, taken[section], "%s needs a section of its own", name)
		taken[section] = name
	}
}

func TestThePageShowsFilesAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, e := range examples(t) {
		if e.file == "" {
			continue
		}
		content, err := os.ReadFile(docs + e.file)
		require.NoError(t, err, "docs/rules.md:%d", e.line)
		if !strings.HasSuffix(e.file, testFiles) {
			require.Equal(t, string(content), e.text, "docs/rules.md:%d differs from %s", e.line, e.file)
			continue
		}
		require.True(t, strings.HasPrefix(e.text, "- name: "), "docs/rules.md:%d shows no test", e.line)
		require.Contains(t, string(content)+"\n", "\n"+indented(e.text)+"\n", "docs/rules.md:%d differs from %s", e.line, e.file)
	}
}

// indented moves lines in by one step of the files.
func indented(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "  " + line
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestRecipesPassAndTheirTestsSeeEveryBranch(t *testing.T) {
	t.Parallel()
	for _, name := range recipes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite := load(t, docs+"recipes/"+name+testFiles)
			report := suite.Run(t.Context(), scenario.Options{Now: time.Now})
			require.Empty(t, failuresOf(report))
			require.Empty(t, suite.Gaps(report), "no test of the recipe sees this")
		})
	}
}

// ownTemplates are the recipes that use docs/recipes/templates and not the shipped ones.
var ownTemplates = []string{"owner-of-bans", "recording-archive"}

func TestCheckFindsNothingInARecipe(t *testing.T) {
	t.Parallel()
	for _, name := range recipes(t) {
		folder := templates
		if slices.Contains(ownTemplates, name) {
			folder = docs + "recipes/templates"
		}
		require.Empty(t, check(t, docs+"recipes/"+name+".yaml", folder), name)
	}
}

// check gives what `beckon check` finds.
func check(t *testing.T, file, templates string) []rules.Finding {
	t.Helper()
	checked, err := app.Check(file, config.Config{Templates: templates, Retention: 720 * time.Hour})
	require.NoError(t, err)
	return checked.Findings
}

func failuresOf(report scenario.Report) []string {
	var out []string
	for _, result := range report.Tests {
		for _, f := range result.Failures {
			out = append(out, result.Name+"\n"+report.File+":"+f.Text())
		}
	}
	return out
}

func TestEveryExampleOnThePageLoads(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, e := range examples(t) {
		if e.language != "yaml" || e.file != "" {
			continue
		}
		seen[e.kind]++
		if slices.Contains([]string{"tests", "recipients"}, e.kind) {
			continue // They are run, and read, by the tests below.
		}
		files := e.files()
		require.NotEmpty(t, files, "docs/rules.md:%d: nobody knows what this is a part of: %q", e.line, e.kind)
		for _, text := range files {
			findings := check(t, written(t, "rules.yaml", text), templates)
			require.Empty(t, findings, "docs/rules.md:%d", e.line)
		}
	}
	for _, kind := range []string{"rules", "rule", "defaults", "tests", "recipients", "unless"} {
		require.Positive(t, seen[kind], kind)
	}
}

// someRule is what an example of a part of a rule is filled up with, key by key.
var someRule = []string{"name: example", "trigger: user_mentioned", "to: mentioned", "send: [ { email: mention } ]"}

// files are complete files of rules with what the example shows. Each paragraph of a `rule` is a rule of its own.
func (e example) files() []string {
	switch e.kind {
	case "rules":
		return []string{e.text}
	case "defaults":
		return []string{"version: 1\ndefaults:\n" + indented(e.text) + rulesOf(strings.Join(someRule, "\n"))}
	case "rule":
		var out []string
		for paragraph := range strings.SplitSeq(strings.TrimSpace(e.text), "\n\n") {
			for _, line := range someRule {
				key, _, _ := strings.Cut(line, ":")
				if !strings.HasPrefix("\n"+paragraph, "\n"+key+":") && !strings.Contains(paragraph, "\n"+key+":") {
					paragraph += "\n" + line
				}
			}
			out = append(out, "version: 1\n"+rulesOf(paragraph))
		}
		return out
	case "unless":
		keys := someRule
		if slices.Contains([]string{"answered", "declined"}, e.note) {
			keys = []string{"name: example", "trigger: call_initiated", "to: callee", "send: [ { sms: missed-call } ]"}
		}
		return []string{"version: 1\n" + rulesOf(strings.Join(keys, "\n")+"\nwait: 5m\nunless:\n"+indented(e.text))}
	}
	return nil
}

func rulesOf(keys string) string {
	return "rules:\n  -\n" + indented(indented(keys))
}

// written puts a text into a file of its own.
func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// TestTheTestsOnThePageEndAsItSays runs each file of tests with the rules that stand above it on the page. One that fails there
// passes with those below: the page goes on to put them right.
func TestTheTestsOnThePageEndAsItSays(t *testing.T) {
	t.Parallel()
	all := examples(t)
	isRules := func(e example) bool { return e.language == "yaml" && e.kind == "rules" }
	for i, e := range all {
		if e.language != "yaml" || e.kind != "tests" {
			continue
		}
		last := len(all[:i]) - 1
		for last >= 0 && !isRules(all[last]) {
			last--
		}
		require.GreaterOrEqual(t, last, 0, "docs/rules.md:%d: there are no rules above", e.line)
		if e.note != "fails" {
			require.Empty(t, failuresWith(t, all[last].text, e.text), "docs/rules.md:%d", e.line)
			continue
		}
		next := slices.IndexFunc(all[i:], isRules)
		require.GreaterOrEqual(t, next, 0, "docs/rules.md:%d: there are no rules below", e.line)
		require.NotEmpty(t, failuresWith(t, all[last].text, e.text), "docs/rules.md:%d", e.line)
		require.Empty(t, failuresWith(t, all[i+next].text, e.text), "docs/rules.md:%d", e.line)
	}
}

func failuresWith(t *testing.T, rulesText, testsText string) []string {
	t.Helper()
	file := written(t, "rules.test.yaml", testsText)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "rules.yaml"), []byte(rulesText), 0o600))
	return failuresOf(load(t, file).Run(t.Context(), scenario.Options{Now: time.Now}))
}

func TestTheRecipientsOnThePageCanBeRead(t *testing.T) {
	t.Parallel()
	for _, e := range examples(t) {
		if e.language != "yaml" || e.kind != "recipients" {
			continue
		}
		file := written(t, "recipients.yaml", e.text)
		checked, err := app.Check(docs+"recipes/missed-call.yaml", config.Config{
			Templates: templates, Retention: 720 * time.Hour, Directory: config.Directory{Sources: []config.DirectorySource{{Kind: config.DirectoryFile, Address: file}}},
		})
		require.NoError(t, err)
		require.Empty(t, checked.Findings, "docs/rules.md:%d", e.line)
	}
}

// shorthandsIn finds the list of words of a recipe's `unless`.
var shorthandsIn = regexp.MustCompile(`(?m)^( *)unless: \[(.*)\]$`)

// TestTheWordsOfUnlessMeanWhatThePageSays writes the general form in the place of the word in every recipe that has it. Their tests
// must end the same way, but for the Reason.
func TestTheWordsOfUnlessMeanWhatThePageSays(t *testing.T) {
	t.Parallel()
	shipped, err := filepath.Abs(templates)
	require.NoError(t, err)
	for _, e := range examples(t) {
		// What an event itself shows has no general form, and `deleted` applies also without being written.
		if e.kind != "unless" || slices.Contains([]string{"online", "deleted"}, e.note) {
			continue
		}
		tried := 0
		for _, name := range recipes(t) {
			before, tests := contentOf(t, name+".yaml"), contentOf(t, name+testFiles)
			after := writtenOut(before, e.note, e.text)
			if after == before {
				continue
			}
			tried++
			tests = strings.ReplaceAll(tests, "reason: "+e.note, "reason: unless")
			tests = strings.ReplaceAll(tests, "templates: ../../templates", "templates: "+shipped)
			require.Empty(t, failuresWith(t, after, tests), "docs/rules.md:%d in %s", e.line, name)
		}
		require.Positive(t, tried, "no recipe has %q", e.note)
	}
}

func contentOf(t *testing.T, recipe string) string {
	t.Helper()
	content, err := os.ReadFile(docs + "recipes/" + recipe)
	require.NoError(t, err)
	return string(content)
}

// writtenOut are rules with the general form of a word of `unless` in its place.
func writtenOut(rulesText, word, form string) string {
	return shorthandsIn.ReplaceAllStringFunc(rulesText, func(line string) string {
		found := shorthandsIn.FindStringSubmatch(line)
		words := strings.Split(found[2], ", ")
		if !slices.Contains(words, word) {
			return line
		}
		for i, w := range words {
			words[i] = "- " + w
			if w == word {
				words[i] = strings.TrimSuffix(form, "\n")
			}
		}
		step := "\n" + found[1] + "  "
		return found[1] + "unless:" + step + strings.ReplaceAll(strings.Join(words, "\n"), "\n", step)
	})
}
