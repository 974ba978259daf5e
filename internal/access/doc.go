// Package access says who may use the admin listener: people by name and secret (Basic, or a session in a browser), programs by a
// bearer token, and people whom a trusted proxy names. A viewer may look, all others act.
//
// It knows net/http and nothing of pages or routes: package server asks it before each request, the console when somebody logs in.
package access
