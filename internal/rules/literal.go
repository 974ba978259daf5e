package rules

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// doomed finds the literals with which a condition fails whenever it gets to them: CEL itself looks at them in a run only, and a
// condition that fails is false.
func doomed(checked *cel.Ast) (found []flaw) {
	native := checked.NativeRep()
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) == 0 {
			return
		}
		args := e.AsCall().Args()
		last := args[len(args)-1]
		if last.Kind() != ast.LiteralKind {
			return
		}
		if f, ok := fails(e.AsCall(), last.AsLiteral()); ok {
			at, _ := native.SourceInfo().GetOffsetRange(last.ID())
			f.offset = int(at.Start)
			found = append(found, f)
		}
	}))
	return found
}

// fails says why a call cannot but fail with its last argument.
func fails(call ast.CallExpr, last ref.Val) (f flaw, ok bool) {
	text, _ := last.(types.String)
	switch name := call.FunctionName(); name {
	case operators.Divide, operators.Modulo:
		return flaw{message: "this divides by zero"}, last == types.IntZero || last == types.Uint(0)
	case overloads.TypeConvertDuration:
		return flaw{message: quote(string(text)) + " is no duration", hint: "write 90s, 5m or 1h30m; a day is 24h"}, refuses(last, types.DurationType)
	case overloads.TypeConvertTimestamp:
		return flaw{message: "this is no time", hint: "write 2026-01-31T09:00:00Z"}, refuses(last, types.TimestampType)
	case overloads.TypeConvertInt:
		return flaw{message: quote(string(text)) + " is no whole number"}, text != "" && refuses(last, types.IntType)
	case overloads.TypeConvertDouble:
		return flaw{message: quote(string(text)) + " is no number"}, text != "" && refuses(last, types.DoubleType)
	case overloads.Matches:
		return badPattern(string(text))
	default:
		return badZone(call, string(text))
	}
}

// refuses reports whether a value cannot be made one of the type.
func refuses(value ref.Val, to ref.Type) bool { return types.IsError(value.ConvertToType(to)) }

func badPattern(text string) (flaw, bool) {
	_, err := regexp.Compile(text)
	if err == nil {
		return flaw{}, false
	}
	message := quote(text) + " is no regular expression"
	if bad, ok := errors.AsType[*syntax.Error](err); ok {
		message += ": " + bad.Code.String()
	}
	return flaw{message: message}, true
}

// badZone looks at the time zone of a call such as event.received_at.getHours("Europe/Berlin").
func badZone(call ast.CallExpr, zone string) (flaw, bool) {
	if !strings.HasPrefix(call.FunctionName(), "get") || !call.IsMemberFunction() {
		return flaw{}, false
	}
	// Every function of a time takes its zone in the same way. "" and "Local" would mean whatever the machine is set to.
	hour := types.Timestamp{}.Receive(overloads.TimeGetHours, overloads.TimestampToHoursWithTz, []ref.Val{types.String(zone)})
	return flaw{message: "unknown time zone " + quote(zone), hint: zoneHint(zone, ", or an offset such as +02:00")},
		types.IsError(hour) || zone == "" || zone == "Local"
}

// zoneHint is a hint for a zone that there is not.
func zoneHint(zone, instead string) string {
	if meant := near(zone, strings.Fields(zones)); meant != "" {
		return `did you mean "` + meant + `"?`
	}
	return "write a name such as UTC or Europe/Berlin" + instead
}

// zones are those that hints offer: of the larger countries and cities. Go has no list of all.
const zones = `UTC
Africa/Algiers Africa/Cairo Africa/Casablanca Africa/Johannesburg Africa/Lagos Africa/Nairobi
America/Argentina/Buenos_Aires America/Bogota America/Caracas America/Chicago America/Denver America/Halifax America/Lima
America/Los_Angeles America/Mexico_City America/New_York America/Phoenix America/Santiago America/Sao_Paulo America/Toronto
America/Vancouver Asia/Bangkok Asia/Colombo Asia/Dhaka Asia/Dubai Asia/Ho_Chi_Minh Asia/Hong_Kong Asia/Jakarta Asia/Jerusalem
Asia/Karachi Asia/Kathmandu Asia/Kolkata Asia/Kuala_Lumpur Asia/Manila Asia/Riyadh Asia/Seoul Asia/Shanghai
Asia/Singapore Asia/Taipei Asia/Tashkent Asia/Tehran Asia/Tokyo Atlantic/Reykjavik Australia/Adelaide Australia/Brisbane
Australia/Melbourne Australia/Perth Australia/Sydney Europe/Amsterdam Europe/Athens Europe/Belgrade Europe/Berlin Europe/Brussels
Europe/Bucharest Europe/Budapest Europe/Copenhagen Europe/Dublin Europe/Helsinki Europe/Istanbul Europe/Kyiv Europe/Lisbon
Europe/London Europe/Madrid Europe/Moscow Europe/Oslo Europe/Paris Europe/Prague Europe/Rome Europe/Sofia Europe/Stockholm
Europe/Vienna Europe/Vilnius Europe/Warsaw Europe/Zurich Pacific/Auckland Pacific/Honolulu`
