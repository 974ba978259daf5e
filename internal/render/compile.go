package render

import (
	"errors"
	htmltemplate "html/template"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
)

// part is one file of a template, ready to be executed with the shared parts it may use.
type part struct {
	source source
	// trees are as parsed: the compiled templates have been rewritten (truth.go, html/template's escaping).
	trees treeSet
	// Exactly one of text and html is set, by the kind of the file.
	text *texttemplate.Template
	html *htmltemplate.Template
	// addresses are what stands literally in the template and may be loaded by a mail.
	addresses map[string]bool
}

// main is the tree of the file itself.
func (p *part) main() *tree { return p.trees[p.source.path] }

var parseError = regexp.MustCompile(`^template: .+?:(\d+): (.*)$`)

// parseFile parses a file into the templates it defines; the file itself goes by its path. Functions are looked at by
// verify, which can say in which column one is unknown.
func parseFile(src source, r *report) treeSet {
	found := map[string]*parse.Tree{}
	t := parse.New(src.path)
	t.Mode = parse.SkipFuncCheck
	if _, err := t.Parse(src.text, "", "", found); err != nil {
		problem := Problem{File: src.path, Message: err.Error()}
		if m := parseError.FindStringSubmatch(err.Error()); m != nil {
			problem.Line, _ = strconv.Atoi(m[1])
			problem.Message = m[2]
		}
		r.add(problem)
	}
	trees := treeSet{}
	for name, t := range found {
		trees[name] = &tree{Tree: t, source: src}
	}
	if trees[src.path] == nil {
		// A file of definitions only, or one that does not parse.
		trees[src.path] = &tree{Tree: &parse.Tree{Name: src.path, ParseName: src.path, Root: &parse.ListNode{NodeType: parse.NodeList}}, source: src}
	}
	return trees
}

// fresh is the tree parsed once more, to be rewritten. A copy would not do: it shares what stands in parentheses before a field.
func (t *tree) fresh() *parse.Tree { return parseFile(t.source, &report{})[t.Name].Tree }

// verify finds what can be found without knowing a trigger: unknown functions, unknown shared parts, parts that call
// themselves.
func (p *part) verify(r *report) {
	v := verifier{part: p, report: r, done: map[string]bool{}}
	v.template(p.source.path)
}

type verifier struct {
	*report

	part  *part
	stack []string
	done  map[string]bool
}

func (v *verifier) template(name string) {
	if v.done[name] {
		return
	}
	v.stack = append(v.stack, name)
	t := v.part.trees[name]
	inspect(t.Root, func(n parse.Node) {
		switch n := n.(type) {
		case *parse.IdentifierNode:
			if _, ok := signatures[n.Ident]; !ok {
				known := slices.Sorted(maps.Keys(signatures))
				v.add(t.source.problem(n.Pos, "unknown function %q%s", n.Ident, didYouMean(n.Ident, known)))
			}
		case *parse.TemplateNode:
			v.call(t, n)
		}
	})
	v.stack = v.stack[:len(v.stack)-1]
	v.done[name] = true
}

func (v *verifier) call(t *tree, n *parse.TemplateNode) {
	if v.part.trees[n.Name] == nil {
		known := slices.Sorted(maps.Keys(v.part.trees))
		v.add(t.source.problem(n.Pos, "there is no part %q%s", n.Name, didYouMean(n.Name, known)))
		return
	}
	if slices.Contains(v.stack, n.Name) {
		v.add(t.source.problem(n.Pos, "part %q uses itself", n.Name))
		return
	}
	v.template(n.Name)
}

// compile makes the executable template. html/template looks at the contexts of actions when it first executes, so that is done here.
func (p *part) compile(r *report, lang language) {
	trees := map[string]*parse.Tree{}
	for name, t := range p.trees {
		trees[name] = t.fresh()
		makeTruthful(trees[name].Root)
	}
	if !strings.HasSuffix(p.source.path, ".html") {
		p.text = texttemplate.New(p.source.path).Option("missingkey=error").Funcs(functions(lang))
		for name, t := range trees {
			texttemplate.Must(p.text.AddParseTree(name, t))
		}
		return
	}
	p.addresses = literalAddresses(p.trees)
	set := htmltemplate.New(p.source.path).Option("missingkey=error").Funcs(functions(lang))
	for name, t := range trees {
		htmltemplate.Must(set.AddParseTree(name, t))
	}
	p.html = set.Lookup(p.source.path)
	if err, ok := errors.AsType[*htmltemplate.Error](p.html.Execute(io.Discard, nil)); ok {
		r.add(p.escapeProblem(err))
	}
}

// escapeProblem says where html/template found an action that it cannot make safe.
func (p *part) escapeProblem(err *htmltemplate.Error) Problem {
	// A template escaped for a second context carries that context in its name.
	name, _, _ := strings.Cut(err.Name, "$htmltemplate")
	src := p.source
	if t := p.trees[name]; t != nil {
		src = t.source
	}
	if err.Node != nil {
		return src.problem(err.Node.Position(), "%s", err.Description)
	}
	return Problem{File: src.path, Line: err.Line, Message: err.Description}
}
