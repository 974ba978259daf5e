package view

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/beckon-relay/beckon/internal/store"
)

// A place in a list is its kind, the time in nanoseconds since 1970 and the ID, with a sum that tells a damaged one. Whoever makes one
// up gets another place in a list that they may see anyway.

// markOf writes a place in a list down for the next page.
func markOf(of string, at time.Time, id string) string {
	b := []byte{of[0]}
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = append(b, id...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// parseMark reads what markOf wrote for a list of the same kind.
func parseMark(of, text string) (store.Mark, error) {
	const head, sum = 9, 4
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) <= head+sum || b[0] != of[0] ||
		crc32.ChecksumIEEE(b[:len(b)-sum]) != binary.BigEndian.Uint32(b[len(b)-sum:]) {
		return store.Mark{}, badQuery("after is not what the page before of this list gave as next")
	}
	at := int64(binary.BigEndian.Uint64(b[1:head])) //nolint:gosec // markOf made it of one
	return store.Mark{At: time.Unix(0, at).UTC(), ID: string(b[head : len(b)-sum])}, nil
}
