// Package console is the web pages by which operators see what the relay does, and act on it. Every page is made on the server and
// works without script, as links and form posts; a small script of our own keeps a page that is open up to date.
package console
