// Package loadtest measures a relay from outside: it posts webhooks at a rate or as fast as they are taken, stands in for the vendors,
// runs the processes that are compared, and does the arithmetic on what was seen.
//
// Latency at a rate counts from when a request should have begun, not from when a late generator got to it ("coordinated omission"):
// what a caller waits for that comes at its own time, whatever the system does.
package loadtest
