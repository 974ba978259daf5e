package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

// rulesView is the page of the rules.
type rulesView struct {
	view.Rules

	Lines   []line
	Folders []templateFolder
}

// line is one of a file, with the rule that begins there.
type line struct {
	N    int
	Text string
	Rule string
}

// templateFolder is a template with its files.
type templateFolder struct {
	Name  string
	Files []view.TextFile
}

// rules is the page of the rules in force.
func (k *console) rules(c echo.Context) error {
	found, err := k.Rules.Rules(c.Request().Context(), !mayReveal(c))
	if err != nil {
		return err
	}
	v := rulesView{Rules: found, Lines: linesOf(found), Folders: foldersOf(found.Files)}
	return k.show(c, http.StatusOK, "rules.html", page{Title: "Rules", Nav: "/rules", Live: true, Data: v})
}

// mayReveal says whether whoever asks may see in clear.
func mayReveal(c echo.Context) bool {
	who := personOf(c)
	return who.Name != "" && !who.Viewer
}

func linesOf(r view.Rules) []line {
	begins := make(map[int]string, len(r.Rules))
	for _, rule := range r.Rules {
		begins[rule.Line] = rule.Name
	}
	texts := strings.Split(strings.TrimSuffix(r.Text, "\n"), "\n")
	lines := make([]line, 0, len(texts))
	for i, text := range texts {
		lines = append(lines, line{N: i + 1, Text: text, Rule: begins[i+1]})
	}
	return lines
}

// foldersOf puts the files of each template together; what templates share comes last.
func foldersOf(files []view.TextFile) []templateFolder {
	var folders []templateFolder
	for _, f := range files {
		name, _, _ := strings.Cut(f.Name, "/")
		at := slices.IndexFunc(folders, func(t templateFolder) bool { return t.Name == name })
		if at < 0 {
			at, folders = len(folders), append(folders, templateFolder{Name: name})
		}
		folders[at].Files = append(folders[at].Files, f)
	}
	slices.SortStableFunc(folders, func(a, b templateFolder) int {
		return strings.Compare(strings.ReplaceAll(a.Name, "_", "~"), strings.ReplaceAll(b.Name, "_", "~"))
	})
	return folders
}

// FilesSaid says how many files a template has.
func (t templateFolder) FilesSaid() string { return plural(len(t.Files), "file", "files") }

// Errors of all rules together.
func (v rulesView) Errors() int {
	n := 0
	for _, r := range v.Rules.Rules {
		n += r.Errors
	}
	return n
}

// Summary says how many rules there are.
func (v rulesView) Summary() string {
	off := 0
	for _, r := range v.Rules.Rules {
		if !r.Enabled {
			off++
		}
	}
	out := plural(len(v.Rules.Rules), "rule", "rules")
	if off > 0 {
		out += fmt.Sprintf(", %d of them disabled", off)
	}
	return out
}
