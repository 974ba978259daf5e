package directory

import (
	"fmt"

	"github.com/beckon-relay/beckon/internal/relay"
)

// MaxPreferences is the largest text of one person's preferences, in bytes.
const MaxPreferences = 64 << 10

// ParsePreferences checks one person's preferences as JSON: an object with the keys by which an entry of a recipients file says
// what its person wants (locale, time_zone, channels, quiet_hours, mute). null is as good as leaving a key out. With problems,
// each of which names its field, the preferences are of no use.
func ParsePreferences(src []byte) (relay.Preferences, []Problem) {
	if len(src) > MaxPreferences {
		return relay.Preferences{}, []Problem{{Message: fmt.Sprintf("is larger than %d KiB", MaxPreferences>>10)}}
	}
	root, err := nodeOf(src)
	if err != nil {
		return relay.Preferences{}, []Problem{{Message: err.Error()}}
	}
	p := &parser{zones: map[string]bool{}}
	var w relay.Preferences
	p.mapping(root, `an object such as {"channels":["email"]}`, p.wishes(&w))
	return w, p.problems
}
