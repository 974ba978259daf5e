//go:build !soak

package main

// buildFlags of the binary that the tests run.
func buildFlags() []string { return []string{"-race"} }
