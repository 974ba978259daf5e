package links

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"
)

// media is the first version of a link to a file of an event. Kinds of other links are counted from 1.
const media kind = 16

// Recording is the Index of an event's recording.
const Recording = -1

const (
	// recordingByte stands for Recording in a token; attachments are counted below it.
	recordingByte = math.MaxUint8
	// maxEvent is the longest id of an event, in bytes: twice that of SHA-256.
	maxEvent = 64
	// fileHead is the length of what stands before the id: the expiry and the index.
	fileHead = 4 + 1
)

// File is what a media link leads to.
type File struct {
	// Event is the id of a kept event, in hexadecimal: a link dies with it.
	Event string
	// Index is the place of the file among the attachments of the event's message, or Recording.
	Index int
	// Expires is when the link ends, to the second.
	Expires time.Time
}

// Media gives the token of a link to a file. It is empty for a file that cannot be written in one: the 256th of a message, or one
// of an event without an id.
func (s *Signer) Media(f File) string {
	index := f.Index
	if index == Recording {
		index = recordingByte
	} else if index < 0 || index >= recordingByte {
		return ""
	}
	id, err := hex.DecodeString(f.Event)
	expires := f.Expires.Unix()
	if err != nil || len(id) == 0 || len(id) > maxEvent || hex.EncodeToString(id) != f.Event || expires < 0 || expires > math.MaxUint32 {
		return ""
	}
	value := binary.BigEndian.AppendUint32(nil, uint32(expires))
	value = append(value, byte(index))
	value = append(value, id...)
	return s.seal(media, string(value))
}

// File gives the file that a token of Media leads to, with whichever key it was signed, and whether its time is over or not. The
// error says what is wrong with another token.
func (s *Signer) File(token string) (File, error) {
	_, value, err := s.open(token, media)
	if err == nil && len(value) <= fileHead {
		err = errLength
	}
	if err != nil {
		return File{}, fmt.Errorf("media link: %w", err)
	}
	f := File{
		Event: hex.EncodeToString([]byte(value[fileHead:])), Index: int(value[fileHead-1]),
		Expires: time.Unix(int64(binary.BigEndian.Uint32([]byte(value))), 0),
	}
	if f.Index == recordingByte {
		f.Index = Recording
	}
	return f, nil
}
