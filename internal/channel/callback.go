package channel

import "errors"

// What an adapter says of a callback that it does not read. No error quotes the callback.
var (
	// ErrSignature: it is not signed by the provider, or not for this address.
	ErrSignature = errors.New("not signed by the provider")
	// ErrUnreadable: it is signed, and still not what the provider documents.
	ErrUnreadable = errors.New("not what the provider documents")
	// ErrTooMany: it reports more at once than is read.
	ErrTooMany = errors.New("more reports at once than are read")
)

// ErrNoList is what a look for a lost message gives where the provider keeps no list of them that can be asked.
var ErrNoList = errors.New("the provider keeps no list that can be asked")
