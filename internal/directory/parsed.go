package directory

import "github.com/beckon-relay/beckon/internal/relay"

// ParseAddress takes a phone number with its country code, or an email address, as people write it. The error does not quote it.
func ParseAddress(text string) (relay.Address, error) {
	if phone, err := parsePhone(text); err == nil {
		return relay.NewAddress(relay.ChannelSMS, phone.Reveal()), nil
	}
	email, err := parseEmail(text)
	if err != nil {
		return relay.Address{}, errAddress
	}
	return relay.NewAddress(relay.ChannelEmail, email.Reveal()), nil
}
