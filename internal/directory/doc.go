// Package directory answers who a chat user is and how to reach them: uid → relay.Contact.
//
// A Source is one place that knows; a Chain asks several in order. There are three: a File of recipients (YAML), which is read
// and checked as a whole, so that everything wrong in it shows at once; HTTP, a service of the operator's that is asked for one
// person at a time; and a Vendor's own profiles. The latter two go behind a Cache.
package directory
