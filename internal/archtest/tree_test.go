package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tree is a project as it lies on disk.
type tree struct {
	fsys     fs.FS
	module   string
	requires map[string]string // module path → version, from go.mod
	packages map[string][]*source
}

// source is one Go file.
type source struct {
	path   string
	folder string
	test   bool
	lines  int
	ast    *ast.File
	fset   *token.FileSet
}

var (
	moduleLine  = regexp.MustCompile(`(?m)^module (\S+)`)
	requireLine = regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/?\S*) (v\S+)`)
)

// load parses every Go file of the project, apart from those in hidden folders, bin and testdata.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fsys: fsys, requires: map[string]string{}, packages: map[string][]*source{}}
	gomod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, err
	}
	if found := moduleLine.FindSubmatch(gomod); found != nil {
		t.module = string(found[1])
	}
	for _, found := range requireLine.FindAllSubmatch(gomod, -1) {
		t.requires[string(found[1])] = string(found[2])
	}
	return t, fs.WalkDir(fsys, ".", t.visit)
}

func (t *tree) visit(name string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	base := entry.Name()
	if entry.IsDir() {
		if name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || name == "bin") {
			return fs.SkipDir
		}
		return nil
	}
	if path.Ext(base) != ".go" {
		return nil
	}
	text, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return err
	}
	s := &source{
		path: name, folder: path.Dir(name), test: strings.HasSuffix(base, "_test.go"),
		lines: strings.Count(string(text), "\n"), fset: token.NewFileSet(),
	}
	if s.ast, err = parser.ParseFile(s.fset, name, text, parser.ParseComments); err != nil {
		return err
	}
	t.packages[s.folder] = append(t.packages[s.folder], s)
	return nil
}

// folders lists the folders that hold a package, sorted.
func (t *tree) folders() []string { return slices.Sorted(maps.Keys(t.packages)) }

// sources lists all files in the order of their paths.
func (t *tree) sources() []*source {
	var all []*source
	for _, folder := range t.folders() {
		all = append(all, t.packages[folder]...)
	}
	return all
}

// code lists the files that are not tests.
func (t *tree) code() []*source {
	return slices.DeleteFunc(t.sources(), func(s *source) bool { return s.test })
}

// own gives the folder of a package of this module, by its import path.
func (t *tree) own(imported string) (string, bool) {
	return strings.CutPrefix(imported, t.module+"/")
}

// dependency gives the module of go.mod that an import comes from, empty for the standard library and our own.
func (t *tree) dependency(imported string) string {
	var best string
	for module := range t.requires {
		if under(imported, module) && len(module) > len(best) {
			best = module
		}
	}
	return best
}

// imports lists the import paths of a file.
func (s *source) imports() []string {
	paths := make([]string, 0, len(s.ast.Imports))
	for _, spec := range s.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// nameOf is what a file calls an imported package, by the last element of its path; empty when it does not import it.
func (s *source) nameOf(imported string) string {
	for _, spec := range s.ast.Imports {
		if spec.Path.Value != strconv.Quote(imported) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// at is a place in a file as editors understand it.
func (s *source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(pos).Line)
}

// under reports whether a path is another one or lies below it.
func under(name, parent string) bool {
	return name == parent || strings.HasPrefix(name, parent+"/")
}

// underAny reports whether a path is one of the others or lies below one.
func underAny(name string, parents []string) bool {
	return slices.ContainsFunc(parents, func(p string) bool { return under(name, p) })
}

// standard reports whether an import path belongs to the standard library: its first element has no dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}
