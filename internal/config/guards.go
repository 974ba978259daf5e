package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Bounds of rates and concurrency. A rate below one in a quarter of an hour is as good as none, and more calls at once than
// maxConcurrency only queue up at the provider.
const (
	minRate        = 0.001
	maxRate        = 100_000
	maxConcurrency = 1000
	maxSegments    = 1_000_000_000
)

// Limits bound what is sent on one channel.
type Limits struct {
	// Rate is in messages per second, for all replicas together; 0 where the sender decides.
	Rate float64
	// Concurrency is how many calls to the provider are under way at once, in each process.
	Concurrency int
}

// Addresses is a list of phone numbers and mail addresses, each in full or with one * at either end.
type Addresses []string

// Names reports whether the list has the address: a number in E.164 or a mail address in any case. An empty list names nobody.
func (a Addresses) Names(address string) bool {
	address = strings.ToLower(address)
	return slices.ContainsFunc(a, func(item string) bool {
		if rest, ok := strings.CutPrefix(item, "*"); ok {
			return strings.HasSuffix(address, rest)
		}
		if rest, ok := strings.CutSuffix(item, "*"); ok {
			return strings.HasPrefix(address, rest)
		}
		return address == item
	})
}

func guardTable() []entry {
	return []entry{
		{
			Setting{
				Name: "BECKON_SMS_RATE",
				Help: "SMS per second from all replicas (default 1; short code 100, service 10)",
			},
			func(c *Config, v string) error { return readRate(&c.SMS.Rate, v) },
		},
		{
			Setting{Name: "BECKON_SMS_CONCURRENCY", Default: "32", Help: "calls for SMS under way at once, per process"},
			func(c *Config, v string) error { return readCount(&c.SMS.Concurrency, v, maxConcurrency) },
		},
		{
			Setting{Name: "BECKON_EMAIL_RATE", Default: "100", Help: "mails per second from all replicas"},
			func(c *Config, v string) error { return readRate(&c.Email.Rate, v) },
		},
		{
			Setting{Name: "BECKON_EMAIL_CONCURRENCY", Default: "32", Help: "calls for mails under way at once, per process"},
			func(c *Config, v string) error { return readCount(&c.Email.Concurrency, v, maxConcurrency) },
		},
		{
			Setting{Name: "BECKON_SMS_DAILY_SEGMENTS", Help: "the most SMS segments of a day (UTC); what is beyond is suppressed"},
			func(c *Config, v string) error { return readCount(&c.SMSDailySegments, v, maxSegments) },
		},
		{
			Setting{Name: "BECKON_SMS_COUNTRIES", Help: "the only countries that are texted, such as US,CA,DE"},
			func(c *Config, v string) error { return readCountries(&c.SMSCountries, v) },
		},
		{
			Setting{
				Name: "BECKON_GROUP_CAP", Default: "1000",
				Help: "the largest group that is told as a whole, at most 10000",
			},
			func(c *Config, v string) error { return readCount(&c.GroupCap, v, relay.MaxGroup) },
		},
		{
			Setting{
				Name: "BECKON_ONLY_TO",
				Help: "only these are written to, as +1415*,*@corp.example; others go to the outbox",
			},
			func(c *Config, v string) error { return readAddresses(&c.OnlyTo, v) },
		},
	}
}

func readRate(to *float64, value string) error {
	rate, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(rate) || rate < minRate || rate > maxRate {
		return fmt.Errorf("%s is not a number of messages per second from %g to %d, such as 0.5 or 100", quote(value), minRate, maxRate)
	}
	*to = rate
	return nil
}

func readCount(to *int, value string, most int) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("%s is not a number from 1 to %d", quote(value), most)
	}
	*to = n
	return nil
}

// readCountries takes the codes of ISO 3166, which are also those of phone numbers' regions.
func readCountries(to *[]string, value string) error {
	known := phonenumbers.GetSupportedRegions()
	var faults []error
	for i, item := range items(value) {
		country := strings.ToUpper(item)
		if item == "" {
			faults = append(faults, fmt.Errorf("entry %d is empty", i+1))
			continue
		}
		if !known[country] {
			faults = append(faults, fmt.Errorf("%s is not a country, such as US, CA or DE (ISO 3166, two letters)", quote(item)))
			continue
		}
		*to = append(*to, country)
	}
	return errors.Join(faults...)
}

// readAddresses refuses what would never match, or always: the guard is there so that a slip writes to nobody.
func readAddresses(to *Addresses, value string) error {
	var faults []error
	for i, item := range items(value) {
		if item == "" {
			faults = append(faults, fmt.Errorf("entry %d is empty", i+1))
			continue
		}
		pattern, fault := readAddress(item)
		if fault != "" {
			faults = append(faults, fmt.Errorf("%s %s", quote(item), fault))
			continue
		}
		*to = append(*to, pattern)
	}
	return errors.Join(faults...)
}

func readAddress(item string) (pattern, fault string) {
	pattern = strings.ToLower(item)
	if strings.HasPrefix(pattern, "+") && !strings.Contains(pattern, "@") {
		pattern = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "").Replace(pattern)
	}
	fixed := strings.TrimPrefix(pattern, "*")
	if fixed == pattern {
		fixed = strings.TrimSuffix(pattern, "*")
	}
	switch {
	case strings.Contains(fixed, "*"), strings.ContainsAny(fixed, " \t\r\n"):
		return "", "is neither an address nor the beginning or end of some with one *, such as +1415* or *@corp.example"
	case fixed == "", fixed == "+":
		return "", "names nobody or everybody; write addresses such as +1415* or *@corp.example"
	case pattern[0] >= '0' && pattern[0] <= '9' && !strings.Contains(pattern, "@"):
		return "", "is not how a phone number begins; write + and the country code"
	case fixed == pattern && pattern[0] != '+' && !strings.Contains(pattern, "@"):
		return "", "is neither a phone number with + and the country code nor a mail address; put * where more may stand"
	}
	return pattern, nobody(pattern, fixed)
}

// nobody says why no address can be named by a pattern whose part without * is fixed; empty where one can.
func nobody(pattern, fixed string) string {
	whole, number := fixed == pattern, pattern[0] == '+' && !strings.Contains(pattern, "@")
	switch {
	case strings.HasPrefix(pattern, "@"):
		return "names nobody: no address begins with @; write * before it"
	case strings.HasSuffix(pattern, "@"), whole && strings.Count(pattern, "@") > 1:
		return "names nobody: no address ends so"
	case number && strings.Trim(fixed[1:], "0123456789") != "", strings.HasPrefix(pattern, "*+") && !strings.Contains(pattern, "@"):
		return "names nobody: a phone number is + and digits"
	case number && whole && !possible(pattern):
		return "is no whole phone number; write * after it for all that begin so"
	}
	return ""
}

func possible(number string) bool {
	parsed, err := phonenumbers.Parse(number, "")
	return err == nil && phonenumbers.IsPossibleNumber(parsed)
}
