// Package rest asks CometChat's REST API for what its webhooks leave out: who is in a group, who wrote a message, whether
// something is still unread, who joined a call, how to reach somebody, and where a file can be fetched now.
//
// All calls share one client: its connections, its limits (how many at once, how many a second, how long each, how large an
// answer) and the pause that CometChat asks for when there were too many. An error names CometChat's own code and never a
// person, an address or the key.
//
// Where the facts come from: the pages of CometChat's "Chat APIs", "Calls APIs" and "Notifications APIs". What they leave
// open is said where it matters.
package rest
