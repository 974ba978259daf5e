// Package rules reads rules.yaml into an immutable, compiled Set, or says everything that is wrong with it: each
// Finding has a file, a line, a column and, where one can be guessed, what was meant.
//
// A rule's condition and those of `unless` are CEL, compiled here against the vocabulary of package relay, so that a
// misspelt field is found when the file is read and not when an event comes.
package rules
