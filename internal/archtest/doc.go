// Package archtest holds the tests that keep the shape of the project true: which package may know which, where each
// library may be used, how large code may grow, and that CONTRIBUTING.md describes the tree as it is.
//
// It reads source files and never builds them. What is allowed stands in tables_test.go; the checks are themselves
// tested on small trees that break them.
package archtest
