package rules

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Severity says whether a finding forbids using the file.
type Severity string

// Severities.
const (
	// SeverityError forbids the file: Load returns no Set.
	SeverityError Severity = "error"
	// SeverityWarning points at what is probably not meant.
	SeverityWarning Severity = "warning"
)

// Finding is one thing that is wrong with rules.yaml. Addresses and phone numbers in it are masked.
type Finding struct {
	File string `json:"file"`
	// Line and Column count from 1, Column in characters.
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Severity Severity `json:"severity"`
	// Rule is the name of the rule it is in; empty outside of rules.
	Rule    string `json:"rule,omitempty"`
	Message string `json:"message"`
	// Hint says what would be right, where that can be guessed.
	Hint string `json:"hint,omitempty"`
	// Excerpt is the line and below it a caret under the column. A long line is cut.
	Excerpt string `json:"excerpt,omitempty"`
}

// String is the finding on one line, as compilers write theirs.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Severity != SeverityError {
		b.WriteString(string(f.Severity) + ": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	return b.String()
}

// Write prints findings for people, each with its excerpt. Write errors are the writer's own business: it is a terminal or
// a buffer.
func Write(w io.Writer, findings []Finding) {
	for _, f := range findings {
		_, _ = fmt.Fprintln(w, f)
		if f.Excerpt != "" {
			_, _ = fmt.Fprintln(w, "    "+strings.ReplaceAll(f.Excerpt, "\n", "\n    "))
		}
	}
}

const (
	// maxFindings bounds what a file that is wrong in every character can make us write.
	maxFindings = 1000
	// maxExcerpt is how much of a line an excerpt shows, in characters.
	maxExcerpt = 120
	// maxQuote is how much of a word from the file a message repeats, in characters.
	maxQuote = 64
)

// source is a file's name and text, by lines, for excerpts.
type source struct {
	file  string
	lines []string
}

func newSource(file string, src []byte) source {
	return source{file: file, lines: strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n")}
}

// line returns the text of a line counted from 1, or "" outside the file.
func (s source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// finding fills in the file's name and the excerpt.
func (s source) finding(f Finding) Finding {
	f.File = s.file
	f.Excerpt = s.excerpt(f.Line, f.Column)
	return f
}

func (s source) excerpt(line, column int) string {
	text := []rune(s.line(line))
	caret := min(max(column-1, 0), len(text))
	// Masking looks further than what is shown, so that nothing is shown of an address that is cut.
	text = text[:min(len(text), caret+2*maxExcerpt)]
	if from := caret - 2*maxExcerpt; from > 0 {
		text, caret = text[from:], caret-from
	}
	text = []rune(maskPersonal(string(text)))
	if strings.TrimSpace(string(text)) == "" {
		return ""
	}
	if from := caret - maxExcerpt*3/4; from > 0 && len(text) > maxExcerpt {
		text, caret = append([]rune("…"), text[from:]...), caret-from+1
	}
	if len(text) > maxExcerpt {
		text = append(text[:maxExcerpt:maxExcerpt], '…')
	}
	// Tabs stay tabs below the line, so that the caret stands right whatever their width.
	pad := make([]rune, 0, caret)
	for _, r := range text[:caret] {
		if r != '\t' {
			r = ' '
		}
		pad = append(pad, r)
	}
	return string(text) + "\n" + string(pad) + "^"
}

// personal finds what looks like a mail address or a phone number.
var personal = regexp.MustCompile(`[^\s"'<>,{}\[\]@()]+@[^\s"'<>,{}\[\]@()]+|\+?\(?\d[\d ().-]{5,}\d`)

// maskPersonal replaces addresses and numbers by stars, as many as there were characters.
func maskPersonal(text string) string {
	return personal.ReplaceAllStringFunc(text, func(found string) string {
		return strings.Repeat("*", len([]rune(found)))
	})
}

// Masked is a text of rules with stars in the place of all addresses and numbers.
func Masked(text string) string { return maskPersonal(text) }

// WithoutAddresses is a text of rules with an invented address or number in the place of each: unlike a masked one it can be loaded.
func WithoutAddresses(text string) string {
	return personal.ReplaceAllStringFunc(text, func(found string) string {
		if strings.Contains(found, "@") {
			return "someone@example.com"
		}
		return "+14155550100"
	})
}

// quote repeats a word of the file in a message: masked, and cut where it is long.
func quote(word string) string {
	runes := []rune(word)
	runes = []rune(maskPersonal(string(runes[:min(len(runes), 4*maxQuote)])))
	if len(runes) > maxQuote {
		runes = append(runes[:maxQuote], '…')
	}
	return fmt.Sprintf("%q", string(runes))
}

// report collects findings.
type report struct {
	source
	// rule is the rule that is being read.
	rule     string
	findings []Finding
	errors   int
	dropped  int
}

// add keeps a finding, unless there are too many already; it always counts errors.
func (r *report) add(f Finding) {
	if f.Severity == SeverityError {
		r.errors++
	}
	if len(r.findings) == maxFindings {
		r.dropped++
		return
	}
	f.Rule = r.rule
	r.findings = append(r.findings, r.finding(f))
}

// sorted returns the findings by position, always in the same order.
func (r *report) sorted() []Finding {
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	if r.dropped > 0 {
		last := r.findings[len(r.findings)-1]
		last.Rule, last.Hint, last.Excerpt, last.Severity = "", "", "", SeverityError
		last.Message = fmt.Sprintf("and %d more findings", r.dropped)
		return append(r.findings, last)
	}
	return r.findings
}
