// Package cometchat turns CometChat's webhooks into relay.Event, whatever their trigger and shape.
//
// CometChat is loose: ids and times come as strings or numbers, times in seconds or milliseconds, one thing in several
// shapes, fields come and go. So decoding is lenient: only `trigger` and `data` must be there, and a field of the wrong
// type counts as missing. What is known about each trigger (what it says, whom it names, how it is decoded) stands in
// one table, in table.go.
//
// Where the facts come from: CometChat's pages "Webhooks overview", "Webhook events", "Ringing" and "Call session
// webhooks", and where those and reality differ ("live" below), what runs against real apps have shown.
package cometchat
