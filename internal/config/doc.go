// Package config reads Beckon's settings. They come from the environment alone, and this is the only package that
// reads it.
//
// One table (Settings) says what there is: it drives loading, the help text and the search for misspelt names. A
// secret may also come from a file, named by NAME_FILE. Everything that is wrong is reported at once, by the setting's
// name and with what would be right, and never with a secret's value.
package config
