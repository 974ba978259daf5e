//go:build !unix

package sqlite

import "errors"

// freeBytes is not known on this system: the guard against a full disk is off.
func freeBytes(string) (int64, error) { return 0, errors.ErrUnsupported }
