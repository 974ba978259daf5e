package config

import (
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config is every setting, checked. A setting that was not given has its default, or the zero value.
type Config struct {
	// Listen and AdminListen are host:port.
	Listen, AdminListen string
	// TLSCertFile and TLSKeyFile are both set or both empty.
	TLSCertFile, TLSKeyFile string
	TrustedProxies          []netip.Prefix
	// PublicURL is the https address seen from outside, without a slash at its end; nil when not set.
	PublicURL *url.URL
	// DatabaseFile is the path of the SQLite database, or empty, and then DatabaseURL is that of a PostgreSQL database.
	DatabaseFile string
	DatabaseURL  Secret
	// Rules is a file, Templates a folder.
	Rules, Templates string
	Directory        Directory
	WebhookUsers     []WebhookUser
	ConsoleUsers     []ConsoleUser
	ConsoleTokens    []ConsoleToken
	ConsoleProxy     ConsoleProxy
	// Operator is who commands say they are when they ask a running relay, or Token says it; empty for nobody.
	Operator  WebhookUser
	Token     Secret
	Providers Providers
	Keep      Keep
	// SecretKeys sign and verify links, and hash and recognise what is left of forgotten people: the first signs, all verify.
	SecretKeys []Secret
	// SecretFiles are the files that secrets came from (NAME_FILE), in the order of the settings: those to watch.
	SecretFiles []string

	CometChat CometChat
	Twilio    Twilio
	SendGrid  SendGrid

	Tracing Tracing

	// SMS and Email bound what is sent on each channel.
	SMS, Email Limits
	// SMSDailySegments is the most SMS segments of a UTC day; 0 is no bound.
	SMSDailySegments int
	// SMSCountries are the only ones that are texted, as ISO 3166 codes; none is no bound.
	SMSCountries []string
	// OnlyTo are the only addresses that are really written to; none is no bound.
	OnlyTo Addresses

	// GroupCap is how many people one alert may be for, where only CometChat's API knows them.
	GroupCap int
	// Words are what people may write back besides Twilio's own words.
	Words Words
	// HelpReply is the text that answers one of Words.Help; empty answers nothing.
	HelpReply string

	// UnknownWait is how long a delivery whose answer was lost waits for a receipt before the provider is asked for it.
	UnknownWait time.Duration
	// Retention is how long events are kept, RetentionMessages how long texts and addresses of messages that are done, which is no
	// longer, and RetentionAudit what operators did.
	Retention, RetentionMessages, RetentionAudit time.Duration
	// MediaLinkTTL is how long a link to a file of a message works; it never outlives the event.
	MediaLinkTTL time.Duration
	LogLevel     slog.Level
	LogFormat    LogFormat
}

// WebhookUser may post webhooks.
type WebhookUser struct {
	User     string
	Password Secret
}

// CometChat is the app whose webhooks come in.
type CometChat struct {
	// AppID refuses events of other apps when set.
	AppID, Region string
	APIKey        Secret
	// BaseURL replaces scheme, host and port of every call; nil when not set. So do the others' below.
	BaseURL *url.URL
}

// Twilio is the account that sends SMS. Which of the fields go together is checked where they are used.
type Twilio struct {
	AccountSID string
	// AuthTokens are the account's: the first sends, all verify callbacks.
	AuthTokens          []Secret
	APIKey              string
	APISecret           Secret
	From                string
	MessagingServiceSID string
	BaseURL             *url.URL
}

// Configured reports whether any credential of Twilio is set.
func (t Twilio) Configured() bool {
	return t.AccountSID != "" || len(t.AuthTokens) > 0 || t.APIKey != "" || t.APISecret != ""
}

// AuthToken is the token that sends; empty without one.
func (t Twilio) AuthToken() Secret {
	if len(t.AuthTokens) == 0 {
		return ""
	}
	return t.AuthTokens[0]
}

// SendGrid is the account that sends mail. Its fields are checked where they are used.
type SendGrid struct {
	APIKey Secret
	// From is an address, with a name or without.
	From string
	// EventPublicKeys verify event webhooks: base64 of ECDSA keys in DER.
	EventPublicKeys []string
	// Activity says that the account's list of mails can be asked, and ActivityLag how long it is behind, 0 where nobody said.
	Activity    bool
	ActivityLag time.Duration
	BaseURL     *url.URL
}

// Configured reports whether SendGrid's key is set.
func (s SendGrid) Configured() bool { return s.APIKey != "" }

// Providers says who carries messages.
type Providers string

// Providers settings.
const (
	// ProvidersLive sends by Twilio and SendGrid.
	ProvidersLive Providers = "live"
	// ProvidersOutbox keeps every message and sends none.
	ProvidersOutbox Providers = "outbox"
)

// Keep says which events are kept.
type Keep string

// Keep settings.
const (
	KeepAll Keep = "all"
	// KeepWanted keeps only events that a rule names.
	KeepWanted Keep = "wanted"
)

// LogFormat is how log lines are written.
type LogFormat string

// Log formats.
const (
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// AdminOnLoopback reports whether only this machine reaches the admin listener, so that its actions may do without
// credentials where none are configured.
func (c Config) AdminOnLoopback() bool {
	host, _, err := net.SplitHostPort(c.AdminListen)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
