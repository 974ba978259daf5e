package archtest

import (
	"fmt"
	"go/ast"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// check looks at a tree and says what is wrong with it, one finding each.
type check func(*tree) []string

// check holds the imports between our packages, and the packages themselves, against the table.
func (e edgeTable) check(t *tree) []string {
	findings := compare(slices.Collect(maps.Keys(e)), t.folders(), "the table of edges")
	for _, s := range t.code() {
		for _, imported := range s.imports() {
			if folder, ok := t.own(imported); ok && !e.allows(s.folder, folder) {
				findings = append(findings, fmt.Sprintf("%s imports %s, which is not among its edges", s.path, folder))
			}
		}
	}
	return findings
}

func (e edgeTable) allows(from, to string) bool {
	return slices.Contains(e[from], to) || slices.Contains(e[from], "*") && to != "internal/app"
}

// checkLibraries holds the imports of foreign packages against the table.
func checkLibraries(t *tree) []string {
	var findings []string
	for _, s := range t.code() {
		for _, imported := range s.imports() {
			for _, lib := range libraries {
				if under(imported, lib.path) && !underAny(s.folder, lib.folders) {
					findings = append(findings, fmt.Sprintf("%s imports %s, which belongs in %s",
						s.path, imported, strings.Join(lib.folders, ", ")))
				}
			}
			if slices.Contains(stdOnly, s.folder) && !standard(imported) {
				findings = append(findings, fmt.Sprintf("%s imports %s, but may import the standard library only", s.path, imported))
			}
		}
	}
	return findings
}

// checkCore looks for imports by which the core would reach out of the process.
func checkCore(t *tree) []string {
	var findings []string
	for _, s := range t.code() {
		for _, imported := range s.imports() {
			if underAny(s.folder, core) && underAny(imported, outside) {
				findings = append(findings, fmt.Sprintf("%s imports %s, but the core is pure", s.path, imported))
			}
		}
	}
	return findings
}

// checkBans looks for uses of what some packages may not use.
func checkBans(t *tree) []string {
	var findings []string
	for _, s := range t.code() {
		for _, b := range bans {
			if underAny(s.folder, b.folders) && !underAny(s.folder, b.except) {
				findings = append(findings, b.uses(s)...)
			}
		}
	}
	return findings
}

func (b ban) uses(s *source) []string {
	name := s.nameOf(b.pkg)
	if name == "" {
		return nil
	}
	var findings []string
	ast.Inspect(s.ast, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == name && slices.Contains(b.names, selector.Sel.Name) {
			findings = append(findings, fmt.Sprintf("%s uses %s.%s: %s", s.at(selector.Pos()), b.pkg, selector.Sel.Name, b.why))
		}
		return true
	})
	return findings
}

// checkComments looks for packages that do not say what they are.
func checkComments(t *tree) []string {
	var findings []string
	for _, folder := range t.folders() {
		says := slices.ContainsFunc(t.packages[folder], func(s *source) bool {
			doc := s.ast.Doc.Text()
			return strings.HasPrefix(doc, "Package "+s.ast.Name.Name+" ") || strings.HasPrefix(doc, "Command "+path.Base(folder)+" ")
		})
		if !says {
			findings = append(findings, folder+` has no package comment that begins "Package name" or "Command name"`)
		}
	}
	return findings
}

// checkNames looks for package names that are vague, taken by the standard library, or other than their folder's.
func checkNames(std []string) check {
	return func(t *tree) []string {
		var findings []string
		for _, s := range t.code() {
			name := s.ast.Name.Name
			switch {
			case name == "main":
			case name != path.Base(s.folder):
				findings = append(findings, fmt.Sprintf("%s is of package %s, unlike its folder", s.path, name))
			case slices.Contains(vague, name):
				findings = append(findings, fmt.Sprintf("%s: the package name %s says nothing", s.path, name))
			case slices.Contains(std, name):
				findings = append(findings, fmt.Sprintf("%s: the standard library has a package %s", s.path, name))
			}
		}
		return findings
	}
}

// checkSizes looks for files and functions that are too long.
func checkSizes(t *tree) []string {
	var findings []string
	for _, s := range t.code() {
		if s.lines > maxFile {
			findings = append(findings, fmt.Sprintf("%s has %d lines, more than %d", s.path, s.lines, maxFile))
		}
	}
	for _, s := range t.sources() {
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; lines > maxFunction {
				findings = append(findings, fmt.Sprintf("%s: %s has %d lines, more than %d", s.at(f.Pos()), f.Name.Name, lines, maxFunction))
			}
		}
	}
	return findings
}

// checkInit looks for init functions, which hide what happens at start.
func checkInit(t *tree) []string {
	var findings []string
	for _, s := range t.sources() {
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				findings = append(findings, s.at(f.Pos())+" is an init function")
			}
		}
	}
	return findings
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

// checkUnfinished looks for comments that put something off.
func checkUnfinished(t *tree) []string {
	var findings []string
	for _, s := range t.sources() {
		for _, group := range s.ast.Comments {
			if word := unfinished.FindString(group.Text()); word != "" {
				findings = append(findings, fmt.Sprintf("%s says %s: do it, or open an issue", s.at(group.Pos()), word))
			}
		}
	}
	return findings
}

// checkTop looks for entries at the top of the project that have no place there.
func checkTop(t *tree) []string {
	entries, err := fs.ReadDir(t.fsys, ".")
	if err != nil {
		return []string{err.Error()}
	}
	ignored, err := fs.ReadFile(t.fsys, ".gitignore")
	if err != nil {
		return []string{err.Error()}
	}
	allowed := slices.Concat(top, strings.Fields(string(ignored)))
	var findings []string
	for _, entry := range entries {
		allows := func(pattern string) bool {
			ok, err := path.Match(strings.Trim(pattern, "/"), entry.Name())
			return ok && err == nil
		}
		if !slices.ContainsFunc(allowed, allows) {
			findings = append(findings, entry.Name()+" has no place at the top of the project")
		}
	}
	return findings
}
