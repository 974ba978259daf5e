package render

import (
	"errors"
	htmltemplate "html/template"
	"io"
	"maps"
	"regexp"
	"slices"
	"sort"
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
	// broken says that it, or a part that it uses, does not parse.
	broken bool
}

// main is the tree of the file itself.
func (p *part) main() *tree { return p.trees[p.source.path] }

var parseError = regexp.MustCompile(`^template: .+?:(\d+): (.*)$`)

// parseFile parses a file into the templates it defines; the file itself goes by its path. Functions are looked at by
// verify, which can say in which column one is unknown.
func parseFile(src source, r *report) treeSet {
	found, err := parsed(src.path, src.text)
	if err != nil {
		r.add(syntaxProblem(src, err))
	}
	trees := treeSet{}
	for name, t := range found {
		trees[name] = &tree{Tree: t, source: src}
	}
	if trees[src.path] == nil {
		// A file of definitions only, or one that does not parse.
		trees[src.path] = &tree{
			Tree:   &parse.Tree{Name: src.path, ParseName: src.path, Root: &parse.ListNode{NodeType: parse.NodeList}},
			source: src, broken: err != nil,
		}
	}
	return trees
}

func parsed(name, text string) (map[string]*parse.Tree, error) {
	found := map[string]*parse.Tree{}
	t := parse.New(name)
	t.Mode = parse.SkipFuncCheck
	_, err := t.Parse(text, "", "", found)
	return found, err
}

// syntaxProblem says what keeps a file from being parsed. The parser knows no column, and its line is wrong where an action is
// empty, so both are those of the first action after which it complains.
func syntaxProblem(src source, err error) Problem {
	line, message := complaint(err)
	var ends []int
	for i := 0; i < len(src.text); {
		end := strings.Index(src.text[i:], "}}")
		if end < 0 {
			break
		}
		i += end + 2
		ends = append(ends, i)
	}
	complains := func(i int) bool {
		_, err := parsed(src.path, src.text[:ends[i]])
		_, same := complaint(err)
		return same == message
	}
	first := sort.Search(len(ends), complains)
	if message == unexpectedEnd || first == len(ends) {
		return Problem{File: src.path, Line: line, Message: message}
	}
	start := strings.LastIndex(src.text[:ends[first]], "{{")
	return src.problem(parse.Pos(start), "%s", message)
}

// unexpectedEnd is the complaint about an action that has no end: it is none of an action in particular.
const unexpectedEnd = "unexpected EOF"

// complaint is the line and the words of an error of the parser.
func complaint(err error) (int, string) {
	if err == nil {
		return 0, ""
	}
	m := parseError.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	line, _ := strconv.Atoi(m[1])
	return line, m[2]
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
	v.part.broken = v.part.broken || v.part.trees[n.Name].broken
	v.template(n.Name)
}

// compile makes the executable template. html/template looks at the contexts of actions when it first executes, so that is done here.
func (p *part) compile(r *report, lang speech) {
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
