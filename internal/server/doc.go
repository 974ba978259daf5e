// Package server is Beckon's HTTP edge: the public listener that chat webhooks and the reports of providers come in by, and
// the admin listener for probes, metrics and actions of operators.
//
// Echo lives here and in package console only, and never shows in an exported name, so that moving to another
// framework stays a change in these two packages.
package server
