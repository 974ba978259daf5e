//go:build !soak

package main

// buildFlags of the binary that the tests run. To leave the race detector out of SQLite would make it quick, but finds races where
// there are none: what generic code both have, such as sync.Map, is then linked without its marks.
func buildFlags() []string { return []string{"-race"} }
