// Package relay holds the nouns of Beckon: what happened (Event), what was decided about it (Alert),
// what was sent (Delivery, Attempt) and why something was not (Reason).
//
// It is the one package that every other may import, so it does no I/O, reads no clock and uses
// the standard library alone.
package relay
