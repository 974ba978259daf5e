// Package app wires everything together and runs it: it is the only package that knows every other.
//
// New opens what the settings name, Run serves until its context ends and then shuts down in order, Reload builds rules,
// templates, directory and secrets anew and swaps them in at once, or changes nothing.
package app
