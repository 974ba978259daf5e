package backtest

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// WriteMarkdown prints a report as a comment on a pull request. What came from outside stands in code spans or is escaped, so
// that it is shown and does nothing: a uid may look like a mention, and a text like a table.
func WriteMarkdown(w io.Writer, r Report) error {
	p := &printer{}
	p.line("### Backtest: %s\n", r.headline())
	p.line("%s, %s. Old: %s (%s), new: %s (%s).\n", strings.TrimPrefix(r.events(), "Backtest of "), r.span(),
		code(r.Old.Name), code(r.Old.Generation), code(r.New.Name), code(r.New.Generation))
	for _, note := range r.notes() {
		p.line("> %s\n", html.EscapeString(note))
	}
	if len(r.Rows) > 0 {
		p.line("| rule | channel | messages | segments | more | less | different |")
		p.line("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
	}
	for _, row := range r.Rows {
		p.line("| %s | %s | %s | %s | %s | %s | %s |", strings.ReplaceAll(code(row.Rule), "|", `\|`), row.Channel, row.Messages,
			row.Segments, bold(row.More), bold(row.Less), bold(row.Different))
	}
	for _, row := range r.Rows {
		if len(row.Examples) > 0 {
			p.folded(row)
		}
	}
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// folded is the examples of a row, opened by a click.
func (p *printer) folded(row Row) {
	p.line("\n<details><summary><code>%s</code> by %s: examples</summary>\n", html.EscapeString(row.Rule), row.Channel)
	for _, e := range row.Examples {
		differs := ""
		if len(e.Differs) > 0 {
			differs = " in " + strings.Join(e.Differs, ", ")
		}
		p.line("- **%s**%s to %s: %s of %s, event %s", e.Kind, differs, code(e.To), code(string(e.Trigger)), clock(e.ReceivedAt),
			code(e.Event))
		for _, side := range e.sides() {
			p.line("  - %s: %s", side.name, code(side.says))
			if side.told == nil {
				continue
			}
			for _, text := range side.told.texts() {
				p.line("    <pre>%s</pre>", strings.ReplaceAll(html.EscapeString(text), "\n", "&#10;"))
			}
		}
	}
	p.line("\n</details>")
}

// code is a code span: nothing in it is Markdown. The fence is longer than any in the text.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 || text == "" {
		text = " " + text + " " // a backtick at an end would join the fence
	}
	return fence + text + fence
}

func bold(n int) string {
	if n == 0 {
		return "0"
	}
	return "**" + thousands(n) + "**"
}
