package render

import (
	"text/template/parse"

	"github.com/beckon-relay/beckon/internal/relay"
)

// call follows a function with its arguments, the last of which may come from the command before it.
func (c *checker) call(id *parse.IdentifierNode, nodes []parse.Node, dot, last typ, piped bool) typ {
	var args []typ
	for _, n := range nodes {
		args = append(args, c.operand(n, dot))
	}
	if piped {
		args = append(args, last)
	}
	known := signatures[id.Ident]
	if known.params != nil {
		c.arguments(id, known.params, args)
		return ofKind(known.result)
	}
	return c.builtin(id, nodes, args, known)
}

// arguments compares them with the parameters of a function of ours.
func (c *checker) arguments(id *parse.IdentifierNode, params []relay.Kind, args []typ) {
	if len(args) != len(params) {
		c.problem(id.Pos, "%s takes %d arguments and not %d", id.Ident, len(params), len(args))
		return
	}
	for i, arg := range args {
		if !arg.mayBe(params[i]) {
			c.problem(id.Pos, "%s takes %s and not %s", id.Ident, kindName(params[i]), describe(arg.offender(params[i])))
		}
	}
}

// builtin follows a function of text/template.
func (c *checker) builtin(id *parse.IdentifierNode, nodes []parse.Node, args []typ, known signature) typ {
	if len(args) == 0 {
		c.problem(id.Pos, "%s takes arguments", id.Ident)
		return nil
	}
	switch id.Ident {
	case "and", "or":
		return either(id.Ident == "and", args)
	case "index":
		return c.index(id, nodes, args)
	case "slice":
		if args[0].mayBe(relay.KindList) {
			return args[0]
		}
	case "len":
		if !args[0].mayBe(relay.KindString, relay.KindList, relay.KindObject) {
			c.problem(id.Pos, "len takes a text or a list and not %s",
				describe(args[0].offender(relay.KindString, relay.KindList, relay.KindObject)))
		}
	case "eq", "ne", "lt", "le", "gt", "ge":
		c.comparison(id, args)
	}
	return ofKind(known.result)
}

// either is the type of and, or. An object that stops an and is empty.
func either(and bool, args []typ) typ {
	t := args[0]
	for i, arg := range args {
		if and && i < len(args)-1 && !arg.unknown() && arg.mayBe(relay.KindObject) {
			arg = nothing
		}
		if i == 0 {
			t = arg
		} else {
			t = t.or(arg)
		}
	}
	return t
}

func (c *checker) index(id *parse.IdentifierNode, nodes []parse.Node, args []typ) typ {
	t := args[0]
	for i, arg := range args[1:] {
		switch {
		case t.unknown():
			return nil
		case t.mayBe(relay.KindList) && arg.mayBe(relay.KindInt):
			t = c.elementOf(t, id.Pos)
		case t.mayBe(relay.KindObject) && i+1 < len(nodes) && nodes[i+1].Type() == parse.NodeString:
			name, _ := nodes[i+1].(*parse.StringNode)
			t = c.fields(t, []string{name.Text}, name.Pos)
		default:
			c.problem(id.Pos, "index takes a list and a number and not %s and %s", describe(t[0]), describeAny(arg))
			return nil
		}
	}
	return t
}

func describeAny(t typ) string {
	if t.unknown() {
		return "something unknown"
	}
	return describe(t[0])
}

// comparison finds what text/template would refuse to compare when it renders.
func (c *checker) comparison(id *parse.IdentifierNode, args []typ) {
	if len(args) < 2 {
		c.problem(id.Pos, "%s takes two arguments", id.Ident)
		return
	}
	comparable := []relay.Kind{relay.KindString, relay.KindInt, relay.KindBool, relay.KindDuration}
	for i, arg := range args {
		if !arg.mayBe(comparable...) {
			c.problem(id.Pos, "%s cannot compare %s", id.Ident, describe(arg.offender(comparable...)))
			return
		}
		if i > 0 && !arg.unknown() && !args[0].unknown() && class(arg[0].Kind) != class(args[0][0].Kind) {
			c.problem(id.Pos, "%s cannot compare %s with %s", id.Ident, describe(args[0][0]), describe(arg[0]))
			return
		}
	}
	if id.Ident != "eq" && id.Ident != "ne" && !args[0].mayBe(relay.KindString, relay.KindInt, relay.KindDuration) {
		c.problem(id.Pos, "%s cannot order %s", id.Ident, describe(args[0][0]))
	}
}

// class joins the kinds that text/template compares with each other.
func class(k relay.Kind) relay.Kind {
	if k == relay.KindDuration {
		return relay.KindInt
	}
	return k
}
