package app

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nyaruka/phonenumbers"

	"github.com/beckon-relay/beckon/internal/channel/outbox"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Twilio's rates by sender, in messages per second: a long number in North America has 1, a short code 100. A service or a name has
// several numbers behind it, or none; 10 is on the safe side of what its account may have.
const (
	longNumberRate = 1
	shortCodeRate  = 100
	otherRate      = 10
	// shortCode is the most digits that a short code has.
	shortCode = 6
)

// outboxConcurrency is how many messages the outbox takes at once: as many as there are workers for what is due.
const outboxConcurrency = 64

// limits are what the settings bound the calls on each channel by. The outbox is no provider and needs no rate.
func limits(c config.Config) map[relay.Channel]dispatch.Limits {
	if c.Providers == config.ProvidersOutbox {
		free := dispatch.Limits{Concurrency: outboxConcurrency}
		return map[relay.Channel]dispatch.Limits{relay.ChannelSMS: free, relay.ChannelEmail: free}
	}
	sms := dispatch.Limits(c.SMS)
	if sms.Rate == 0 {
		sms.Rate = senderRate(c.Twilio)
	}
	return map[relay.Channel]dispatch.Limits{relay.ChannelSMS: sms, relay.ChannelEmail: dispatch.Limits(c.Email)}
}

func senderRate(t config.Twilio) float64 {
	digits := strings.TrimPrefix(t.From, "+")
	number := digits != "" && strings.Trim(digits, "0123456789") == ""
	switch {
	case t.MessagingServiceSID != "" || !number:
		return otherRate
	case len(digits) <= shortCode:
		return shortCodeRate
	}
	return longNumberRate
}

// dailySegments is the bound on a day's SMS; what the outbox takes costs nothing.
func dailySegments(c config.Config) int {
	if c.Providers == config.ProvidersOutbox {
		return 0
	}
	return c.SMSDailySegments
}

// countryGuard keeps texts from countries that are not listed. A number whose country nobody can tell is in none of them.
func countryGuard(countries []string) func(relay.Address) relay.Reason {
	if len(countries) == 0 {
		return nil
	}
	return func(to relay.Address) relay.Reason {
		if to.Channel() != relay.ChannelSMS {
			return relay.ReasonNone
		}
		number, err := phonenumbers.Parse(to.Reveal(), "")
		if err == nil && slices.Contains(countries, phonenumbers.GetRegionCodeForNumber(number)) {
			return relay.ReasonNone
		}
		return relay.ReasonCountryNotAllowed
	}
}

// sandbox gives the outbox for every address that BECKON_ONLY_TO does not name, where it names any.
func sandbox(c config.Config, keeper outbox.Keeper) func(relay.Address) (dispatch.Provider, bool) {
	if len(c.OnlyTo) == 0 || c.Providers == config.ProvidersOutbox {
		return nil
	}
	box := outbox.New(keeper, time.Now)
	return func(to relay.Address) (dispatch.Provider, bool) { return box, !c.OnlyTo.Names(to.Reveal()) }
}

// replica names this process: where it runs, for people, and a part that no other has.
func replica() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "-" + uuid.NewString()
}
