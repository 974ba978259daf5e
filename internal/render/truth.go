package render

import (
	"reflect"
	"text/template/parse"
)

// Truth. To text/template a map with keys is true, and so is any time. The views of absent objects are maps of zero values,
// so that a field of one never fails, and {{if .event.group}} would always hold. Every place where truth is asked for
// (if, with, and, or, not) therefore goes through present, which is put into the parse tree of a template before it is
// compiled.

// presentFunc is the name of present in templates.
const presentFunc = "_present"

// present returns a value, or an empty one of no truth when nothing is in it.
func present(v any) any {
	if !blank(v) {
		return v
	}
	switch v.(type) {
	case map[string]any:
		return map[string]any(nil)
	case moment:
		return ""
	}
	return v
}

// blank reports whether a value is absent, zero, empty or an object of such values.
func blank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case moment:
		return v.IsZero()
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, field := range v {
			if !blank(field) {
				return false
			}
		}
		return true
	}
	return reflect.ValueOf(v).IsZero()
}

// makeTruthful puts present into every condition below the node.
func makeTruthful(root parse.Node) {
	inspect(root, func(n parse.Node) {
		switch n := n.(type) {
		case *parse.IfNode:
			n.Pipe.Cmds = append(n.Pipe.Cmds, presentCommand(n.Pos))
		case *parse.WithNode:
			n.Pipe.Cmds = append(n.Pipe.Cmds, presentCommand(n.Pos))
		case *parse.PipeNode:
			n.Cmds = beforeNot(n.Cmds)
		case *parse.CommandNode:
			wrapOperands(n)
		}
	})
}

func presentCommand(pos parse.Pos, operands ...parse.Node) *parse.CommandNode {
	name := parse.NewIdentifier(presentFunc).SetPos(pos)
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: append([]parse.Node{name}, operands...)}
}

// beforeNot makes `x | not` into `x | present | not`.
func beforeNot(cmds []*parse.CommandNode) []*parse.CommandNode {
	var out []*parse.CommandNode
	for i, cmd := range cmds {
		if i > 0 && functionOf(cmd) == "not" {
			out = append(out, presentCommand(cmd.Pos))
		}
		out = append(out, cmd)
	}
	return out
}

// wrapOperands makes `and x y` into `and (present x) (present y)`. The last operand of or is its result whether true or
// not, so it stays.
func wrapOperands(cmd *parse.CommandNode) {
	operands := cmd.Args[1:]
	switch functionOf(cmd) {
	case "and", "not":
	case "or":
		operands = operands[:max(0, len(operands)-1)]
	default:
		return
	}
	for i, arg := range operands {
		switch arg.Type() {
		case parse.NodeField, parse.NodeVariable, parse.NodeChain, parse.NodeDot, parse.NodePipe, parse.NodeIdentifier:
			pos := arg.Position()
			operands[i] = &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{presentCommand(pos, arg)}}
		default: // A constant is what it is.
		}
	}
}

func functionOf(cmd *parse.CommandNode) string {
	if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok {
		return id.Ident
	}
	return ""
}

// inspect calls visit for the node and everything below it, the inner ones first.
func inspect(root parse.Node, visit func(parse.Node)) {
	for _, child := range children(root) {
		inspect(child, visit)
	}
	visit(root)
}

func children(n parse.Node) []parse.Node {
	switch n := n.(type) {
	case *parse.ListNode:
		return n.Nodes
	case *parse.ActionNode:
		return []parse.Node{n.Pipe}
	case *parse.IfNode:
		return branches(&n.BranchNode)
	case *parse.WithNode:
		return branches(&n.BranchNode)
	case *parse.RangeNode:
		return branches(&n.BranchNode)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			return []parse.Node{n.Pipe}
		}
	case *parse.PipeNode:
		nodes := make([]parse.Node, len(n.Cmds))
		for i, cmd := range n.Cmds {
			nodes[i] = cmd
		}
		return nodes
	case *parse.CommandNode:
		return n.Args
	case *parse.ChainNode:
		return []parse.Node{n.Node}
	}
	return nil
}

func branches(n *parse.BranchNode) []parse.Node {
	nodes := []parse.Node{n.Pipe, n.List}
	if n.ElseList != nil {
		nodes = append(nodes, n.ElseList)
	}
	return nodes
}
