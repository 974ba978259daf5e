// Package directory answers who a chat user is and how to reach them: uid → relay.Contact.
//
// A Source is one place that knows; a Chain asks several in order. The one source of this version is a File of
// recipients (YAML), which is read and checked as a whole, so that everything wrong in it shows at once.
package directory
