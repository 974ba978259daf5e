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

// What a look for a lost message says of the provider's list.
var (
	// ErrNoList: the provider keeps none that can be asked. Where it is wrapped, somebody can do something about that.
	ErrNoList = errors.New("the provider keeps no list that can be asked")
	// ErrCutShort: what was found may not be all, since the list goes on beyond where it was read to.
	ErrCutShort = errors.New("the list does not reach back far enough")
)
