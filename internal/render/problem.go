package render

import (
	"fmt"
	"strings"
	"text/template/parse"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// Problem is something wrong with a template file.
type Problem struct {
	// File is the path below the templates folder.
	File string
	// Line and Column count from 1, columns in characters. They are 0 where the problem has no such place.
	Line, Column int
	Message      string
}

// String is the problem as tools print it: "mention/sms.txt:1:12: ...".
func (p Problem) String() string {
	place := p.File
	if p.Line > 0 {
		place += fmt.Sprintf(":%d", p.Line)
		if p.Column > 0 {
			place += fmt.Sprintf(":%d", p.Column)
		}
	}
	return place + ": " + p.Message
}

// source is one template file as it was read.
type source struct{ path, text string }

// problem places a message at an offset in the file.
func (s source) problem(pos parse.Pos, format string, args ...any) Problem {
	head := s.text[:min(max(0, int(pos)), len(s.text))]
	return Problem{
		File:    s.path,
		Line:    1 + strings.Count(head, "\n"),
		Column:  1 + utf8.RuneCountInString(head[strings.LastIndex(head, "\n")+1:]),
		Message: fmt.Sprintf(format, args...),
	}
}

// report collects problems and keeps each once, since one shared part is looked at for every template that uses it.
type report struct {
	problems []Problem
	seen     map[Problem]bool
	// told counts the repeats too.
	told int
}

func (r *report) add(p Problem) {
	if r.seen == nil {
		r.seen = make(map[Problem]bool)
	}
	r.told++
	if !r.seen[p] {
		r.seen[p] = true
		r.problems = append(r.problems, p)
	}
}

// didYouMean is the end of a message about an unknown name: the known one nearest to it, or nothing.
func didYouMean(name string, known []string) string {
	best, least := "", 2+len(name)/4
	for _, k := range known {
		if d := levenshtein.ComputeDistance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}
