package rules

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/beckon-relay/beckon/internal/relay"
)

// newReader makes a dialect for those who look into conditions and do not only run them: macros stay known by the name they were
// written with.
func newReader(variables map[string]*relay.Shape, functions ...cel.EnvOption) (*dialect, error) {
	return newDialect(variables, append(functions, cel.EnableMacroCallTracking())...)
}

// part is one of the conditions that && joins at the top of an expression.
type part struct {
	// text is as written; on one line, and without half a pair of parentheses, it is as CEL would write it.
	text string
	expr ast.Expr
}

// parts takes an expression that compiles apart at every && that must hold for the whole to hold.
func (l *dialect) parts(text string) ([]part, error) {
	parsed, issues := l.env.Parse(text)
	if issues.Err() != nil {
		return nil, errors.New("the condition does not compile")
	}
	native := parsed.NativeRep()
	var terms []ast.Expr
	var ends []int
	flatten(native.Expr(), func(e ast.Expr) { terms = append(terms, e) }, func(and int64) {
		at, _ := native.SourceInfo().GetOffsetRange(and)
		ends = append(ends, int(at.Start))
	})
	runes := []rune(text)
	out, from := make([]part, len(terms)), 0
	for i, end := range append(ends, len(runes)) {
		written, err := l.onOneLine(string(runes[from:end]), terms[i], native.SourceInfo())
		if err != nil {
			return nil, err
		}
		out[i], from = part{text: written, expr: terms[i]}, end+len("&&")
	}
	return out, nil
}

// flatten visits the operands and operators of && in the order written.
func flatten(e ast.Expr, operand func(ast.Expr), operator func(id int64)) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
		operand(e)
		return
	}
	args := e.AsCall().Args()
	flatten(args[0], operand, operator)
	operator(e.ID())
	flatten(args[1], operand, operator)
}

// onOneLine is a piece of a condition as it was written, if it makes sense on a line of its own.
func (l *dialect) onOneLine(piece string, e ast.Expr, info *ast.SourceInfo) (string, error) {
	piece = strings.TrimSpace(piece)
	if !strings.Contains(piece, "\n") {
		if _, issues := l.env.Parse(piece); issues.Err() == nil {
			return piece, nil
		}
	}
	return unparse(e, info)
}

// unparse writes an expression on one line. Two that differ in spaces, quotes or comments alone come out the same.
func unparse(e ast.Expr, info *ast.SourceInfo) (string, error) {
	return parser.Unparse(e, info, parser.WrapOnColumn(2*maxExpression))
}

// access is a chain of fields that begins at a variable: event.message.mentions[0].uid.
type access struct {
	// path is CEL for it, and names are the fields alone, below the variable root.
	path, root string
	names      []string
}

// accesses lists what an expression reads of the event, each once, in the order written, the longest chain there is. What hangs
// on a variable of a macro is left out; the list that it runs over is in it.
func accesses(e ast.Expr) []access {
	r := &readings{roots: []string{"event"}}
	r.visit(e)
	return r.found
}

// readings collects accesses.
type readings struct {
	// roots are the variables whose fields are looked for; named are those that occur, with a field or without.
	roots, named []string
	found        []access
	// bound are the variables of the macros around.
	bound []string
	// called is told of every call, unless it is nil.
	called func(ast.CallExpr)
}

func (r *readings) visit(e ast.Expr) {
	if a, ok := r.chain(e); ok {
		r.named = append(r.named, a.root)
		if len(a.names) > 0 && !slices.ContainsFunc(r.found, func(known access) bool { return known.path == a.path }) {
			r.found = append(r.found, a)
		}
		return
	}
	switch e.Kind() {
	case ast.CallKind:
		if r.called != nil {
			r.called(e.AsCall())
		}
		if e.AsCall().IsMemberFunction() {
			r.visit(e.AsCall().Target())
		}
		r.all(e.AsCall().Args())
	case ast.SelectKind:
		r.visit(e.AsSelect().Operand())
	case ast.ListKind:
		r.all(e.AsList().Elements())
	case ast.MapKind:
		for _, pair := range e.AsMap().Entries() {
			r.all([]ast.Expr{pair.AsMapEntry().Key(), pair.AsMapEntry().Value()})
		}
	case ast.ComprehensionKind:
		r.comprehension(e.AsComprehension())
	default:
	}
}

func (r *readings) all(list []ast.Expr) {
	for _, e := range list {
		r.visit(e)
	}
}

func (r *readings) comprehension(c ast.ComprehensionExpr) {
	r.visit(c.IterRange())
	before := r.bound
	r.bound = append(slices.Clone(before), c.IterVar(), c.IterVar2(), c.AccuVar())
	r.all([]ast.Expr{c.LoopStep(), c.Result()})
	r.bound = before
}

// chain reads an expression as an access. It is none when it does not begin at the event, or when an index in it has to be
// computed.
func (r *readings) chain(e ast.Expr) (a access, ok bool) {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		return access{path: name, root: name}, slices.Contains(r.roots, name) && !slices.Contains(r.bound, name)
	case ast.SelectKind:
		a, ok = r.chain(e.AsSelect().Operand())
		field := e.AsSelect().FieldName()
		return access{path: a.path + "." + field, root: a.root, names: append(a.names, field)}, ok
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index || call.Args()[1].Kind() != ast.LiteralKind {
			return a, false
		}
		a, ok = r.chain(call.Args()[0])
		return access{path: a.path + "[" + literal(call.Args()[1]) + "]", root: a.root, names: a.names}, ok
	default:
		return a, false
	}
}

// literal writes an index that stands in an expression as such: a place in a list, or a key of JSON.
func literal(e ast.Expr) string {
	switch value := e.AsLiteral().(type) {
	case types.String:
		return strconv.Quote(string(value))
	case types.Int:
		return strconv.FormatInt(int64(value), 10)
	default:
		return "..."
	}
}
