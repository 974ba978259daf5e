package render

import (
	"maps"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Check walks the parse trees of a template's files for a channel, in all locales and with the shared parts they use, and
// reports every use of a name that events of this shape do not have, and of a value as what it is not: also in branches that no
// sample would take. A nil result means that rendering an event of this shape fails on no field.
func (t *Templates) Check(name string, ch relay.Channel, event *relay.Shape) []Problem {
	if len(t.variants[name]) == 0 {
		return []Problem{{File: name, Message: "there is no such template" + didYouMean(name, t.Names())}}
	}
	if !t.Has(name, ch) {
		return []Problem{{File: name, Message: "nothing for " + string(ch) + ": " + t.flat.wanted(name, ch)}}
	}
	r := &report{}
	roots := map[string]typ{
		fileSMS: {rootShape(event)}, fileSubject: {rootShape(event)}, fileHTML: {bodyShape(event)}, fileText: {bodyShape(event)},
	}
	for _, v := range t.variants[name] {
		for _, file := range slices.Sorted(maps.Keys(v.parts)) {
			if channelOf(file) == ch {
				p := v.parts[file]
				checkTree(&checker{report: r, part: p, seen: map[string]bool{}}, p.main(), roots[file])
			}
		}
	}
	return r.problems
}

// checker follows one template with a dot of known type.
type checker struct {
	*report

	part *part
	tree *tree
	// vars are the variables in scope, the innermost last; depth says how deep in control structures one was declared.
	vars  []variable
	depth int
	// seen are the calls that were followed, by template and type of dot.
	seen map[string]bool
}

type variable struct {
	name  string
	typ   typ
	depth int
}

// checkTree follows a template from its beginning, with no variable but $.
func checkTree(c *checker, t *tree, dot typ) {
	key := t.Name
	if !dot.unknown() {
		key = strings.Join(append([]string{key}, dot.paths()...), " ")
	}
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	inner := checker{report: c.report, part: c.part, tree: t, vars: []variable{{name: "$", typ: dot}}, seen: c.seen}
	inner.node(t.Root, dot)
}

func (c *checker) problem(pos parse.Pos, format string, args ...any) {
	c.add(c.tree.source.problem(pos, format, args...))
}

func (c *checker) node(n parse.Node, dot typ) {
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			c.node(child, dot)
		}
	case *parse.ActionNode:
		c.action(n, dot)
	case *parse.IfNode:
		c.branch(&n.BranchNode, dot, func(typ) typ { return dot })
	case *parse.WithNode:
		c.branch(&n.BranchNode, dot, func(t typ) typ { return t })
	case *parse.RangeNode:
		c.loop(n, dot)
	case *parse.TemplateNode:
		arg := nothing
		if n.Pipe != nil {
			arg = c.pipe(n.Pipe, dot)
		}
		checkTree(c, c.part.trees[n.Name], arg)
	}
}

func (c *checker) action(n *parse.ActionNode, dot typ) {
	t := c.pipe(n.Pipe, dot)
	printable := []relay.Kind{relay.KindString, relay.KindInt, relay.KindBool, relay.KindDuration}
	if len(n.Pipe.Decl) > 0 || t.mayBe(printable...) {
		return
	}
	s := t.offender(printable...)
	advice := "write one of its fields"
	switch s.Kind {
	case relay.KindTime:
		advice = "write it with clock or day"
	case relay.KindList:
		advice = "go through it with range"
	default:
	}
	c.problem(n.Pipe.Pos, "%s, cannot be shown: %s", describe(s), advice)
}

// branch follows if and with. Where the condition declares a variable, that is empty in the else branch.
func (c *checker) branch(n *parse.BranchNode, dot typ, inside func(typ) typ) {
	outer := len(c.vars)
	c.depth++
	t := c.pipe(n.Pipe, dot)
	declared := len(c.vars)
	c.node(n.List, inside(t))
	if n.ElseList != nil {
		c.vars = c.vars[:declared]
		if declared > outer && t.mayBe(relay.KindObject) && !t.unknown() {
			c.vars[outer].typ = nothing
		}
		c.node(n.ElseList, dot)
	}
	c.depth--
	c.vars = c.vars[:outer]
}

// loop follows range, the body twice: what it assigns at its end is seen at its beginning.
func (c *checker) loop(n *parse.RangeNode, dot typ) {
	outer := len(c.vars)
	c.depth++
	list := c.pipe(n.Pipe, dot)
	elem := c.elementOf(list, n.Pipe.Pos)
	for i, v := range slices.Backward(n.Pipe.Decl) {
		t := elem
		if i == 0 && len(n.Pipe.Decl) == 2 {
			t = anInt
		}
		c.rebind(v.Ident[0], t)
	}
	inner := len(c.vars)
	for range 2 {
		c.node(n.List, elem)
		c.vars = c.vars[:inner]
	}
	c.vars = c.vars[:outer]
	c.depth--
	if n.ElseList != nil {
		c.node(n.ElseList, dot)
		c.vars = c.vars[:outer]
	}
}

func (c *checker) elementOf(list typ, pos parse.Pos) typ {
	if list.unknown() {
		return nil
	}
	if !list.mayBe(relay.KindList) {
		c.problem(pos, "%s, cannot be gone through with range: it takes a list", describe(list.offender(relay.KindList)))
		return nil
	}
	elem := typ{list[0].Elem}
	for _, s := range list[1:] {
		elem = elem.or(typ{s.Elem})
	}
	return elem
}

// pipe follows a pipeline, declares and assigns its variables, and returns what comes out.
func (c *checker) pipe(p *parse.PipeNode, dot typ) typ {
	var value typ
	for i, cmd := range p.Cmds {
		value = c.command(cmd, dot, value, i > 0)
	}
	for _, v := range p.Decl {
		if p.IsAssign {
			c.assign(v.Ident[0], value)
		} else {
			c.vars = append(c.vars, variable{name: v.Ident[0], typ: value, depth: c.depth})
		}
	}
	return value
}

// rebind says what a variable is that range has declared as its list.
func (c *checker) rebind(name string, t typ) {
	for i, v := range slices.Backward(c.vars) {
		if v.name == name {
			c.vars[i].typ = t
			return
		}
	}
}

// assign gives a variable another type. In a branch, which may not be taken, it may keep the one it had.
func (c *checker) assign(name string, t typ) {
	for i, v := range slices.Backward(c.vars) {
		if v.name != name {
			continue
		}
		if v.depth < c.depth {
			t = v.typ.or(t)
		}
		c.vars[i].typ = t
		return
	}
}

// command follows one command of a pipeline; piped says whether last is the result of the one before it.
func (c *checker) command(cmd *parse.CommandNode, dot, last typ, piped bool) typ {
	first := cmd.Args[0]
	if id, ok := first.(*parse.IdentifierNode); ok {
		return c.call(id, cmd.Args[1:], dot, last, piped)
	}
	if first.Type() == parse.NodeNil {
		c.problem(first.Position(), "nil is nothing by itself")
	} else if len(cmd.Args) > 1 || piped {
		c.problem(first.Position(), "%s is not a function and takes no arguments", first)
	}
	return c.operand(first, dot)
}

func (c *checker) operand(n parse.Node, dot typ) typ {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return c.fields(dot, n.Ident, chainStart(n.Pos, n.Ident, 1))
	case *parse.VariableNode:
		return c.fields(c.variable(n.Ident[0]), n.Ident[1:], chainStart(n.Pos, n.Ident, 0)+parse.Pos(len(n.Ident[0])))
	case *parse.ChainNode:
		return c.fields(c.operand(n.Node, dot), n.Field, n.Pos)
	case *parse.PipeNode:
		return c.pipe(n, dot)
	case *parse.IdentifierNode:
		return c.call(n, nil, dot, nil, false)
	case *parse.StringNode:
		return aString
	case *parse.NumberNode:
		return anInt
	case *parse.BoolNode:
		return aBool
	}
	return nil
}

// chainStart is where .a.b.c begins in the file: the parser notes the place of the second name. dot is the length of what
// stands before the first one.
func chainStart(pos parse.Pos, idents []string, dot int) parse.Pos {
	if len(idents) == 1 {
		return pos
	}
	return pos - parse.Pos(dot+len(idents[0]))
}

func (c *checker) variable(name string) typ {
	for _, v := range slices.Backward(c.vars) {
		if v.name == name {
			return v.typ
		}
	}
	return nil
}

// fields follows .a.b.c from a value; pos is where the first dot stands.
func (c *checker) fields(t typ, names []string, pos parse.Pos) typ {
	for _, name := range names {
		if t.unknown() {
			return nil
		}
		var next typ
		for i, s := range t {
			f, ok := s.Field(name)
			if !ok {
				c.problem(pos+1, "%s", missing(s, name))
				return nil
			}
			if i == 0 {
				next = typ{f.Shape}
			} else {
				next = next.or(typ{f.Shape})
			}
		}
		t = next
		pos += parse.Pos(1 + len(name))
	}
	return t
}
