package directory

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/beckon-relay/beckon/internal/address"
	"github.com/beckon-relay/beckon/internal/relay"
)

func parsePhone(text string) (relay.Phone, error) { return address.ParsePhone(text) }

func parseEmail(text string) (relay.Email, error) { return address.ParseEmail(text) }

// ParseAddress reads a phone number or a mail address as an entry of a recipients file has it. Without a channel it is a mail
// address where there is an @ in it. The error does not quote it.
func ParseAddress(channel relay.Channel, text string) (relay.Address, error) {
	if channel == relay.ChannelEmail || channel == "" && strings.Contains(text, "@") {
		email, err := parseEmail(text)
		return relay.NewAddress(relay.ChannelEmail, email.Reveal()), err
	}
	if channel != relay.ChannelSMS && channel != "" {
		return relay.Address{}, fmt.Errorf("unknown channel %.60q%s", channel, suggest(string(channel), channelNames()))
	}
	phone, err := parsePhone(text)
	return relay.NewAddress(relay.ChannelSMS, phone.Reveal()), err
}

// suggest ends a message about an unknown word: with the word that was probably meant, else with all there are.
func suggest(word string, words []string) string {
	const longest = 30 // a whole text in the place of a word takes long to compare and resembles none
	best, distance := "", 3
	for _, candidate := range words {
		if len(word) > longest {
			break
		}
		if d := levenshtein.ComputeDistance(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return "; did you mean " + best + "?"
	}
	return "; there are " + strings.Join(words, ", ")
}
