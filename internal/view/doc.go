// Package view says what operators are shown of what is kept: rows of lists and whole things, with personal data masked until it
// is revealed. The console draws them, the API and the commands give them as JSON.
package view
