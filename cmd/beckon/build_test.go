//go:build !soak

package main

// buildFlags of the binary that the tests run: as the Makefile has them for the tests themselves.
func buildFlags() []string { return []string{"-race", "-gcflags=modernc.org/...=-race=false"} }
