package config

import (
	"fmt"
	"strings"
)

// Setting is one environment variable.
type Setting struct {
	Name, Default, Help string
	// Secret settings may come from a file instead, named by the variable Name + "_FILE".
	Secret bool
}

// entry is a setting with what reads it. Read gets the value or its default, never an empty one, and returns what
// would be right; the value of a secret must not be in there.
type entry struct {
	Setting
	read func(c *Config, value string) error
}

// Settings lists every setting in the order of the documentation.
func Settings() []Setting {
	var all []Setting
	for _, e := range table() {
		all = append(all, e.Setting)
	}
	return all
}

// mostName is the longest name that the others are set apart for.
const mostName = 28

// Help describes every setting, for `beckon serve --help`.
func Help() string {
	width := 0
	for _, s := range Settings() {
		width = max(width, min(len(s.Name), mostName))
	}
	var b strings.Builder
	b.WriteString("Settings (environment variables; * may come from a file instead, named by NAME_FILE):\n\n")
	for _, s := range Settings() {
		star, fallback := " ", ""
		if s.Secret {
			star = "*"
		}
		if s.Default != "" {
			fallback = fmt.Sprintf(" (default %s)", s.Default)
		}
		fmt.Fprintf(&b, "  %-*s %s %s%s\n", width, s.Name, star, s.Help, fallback)
	}
	return b.String()
}

// table is every setting there is.
func table() []entry {
	var all []entry
	all = append(all, listenerTable()...)
	all = append(all, consoleTable()...)
	all = append(all, dataTable()...)
	all = append(all, directoryTable()...)
	all = append(all, vendorTable()...)
	all = append(all, guardTable()...)
	all = append(all, consentTable()...)
	all = append(all, operationTable()...)
	return append(all, tracingTable()...)
}

func listenerTable() []entry {
	return []entry{
		{
			Setting{Name: "BECKON_LISTEN", Default: ":8080", Help: "host:port for webhooks"},
			func(c *Config, v string) error { return readListen(&c.Listen, v) },
		},
		{
			Setting{
				Name: "BECKON_ADMIN_LISTEN", Default: "127.0.0.1:8081",
				Help: "host:port for probes, metrics and operators' actions",
			},
			func(c *Config, v string) error { return readListen(&c.AdminListen, v) },
		},
		{
			Setting{Name: "BECKON_TLS_CERT_FILE", Help: "certificate (PEM) for https; reloaded when renewed"},
			func(c *Config, v string) error { return readText(&c.TLSCertFile, v) },
		},
		{
			Setting{Name: "BECKON_TLS_KEY_FILE", Help: "key (PEM) of that certificate"},
			func(c *Config, v string) error { return readText(&c.TLSKeyFile, v) },
		},
		{
			Setting{Name: "BECKON_TRUSTED_PROXIES", Help: "networks whose X-Forwarded-For is believed, such as 10.0.0.0/8"},
			func(c *Config, v string) error { return readNetworks(&c.TrustedProxies, v) },
		},
		{
			Setting{Name: "BECKON_PUBLIC_URL", Help: "https address seen from outside; needs BECKON_SECRET_KEY"},
			func(c *Config, v string) error { return readPublicURL(&c.PublicURL, v) },
		},
		{
			Setting{Name: "BECKON_WEBHOOK_USERS", Secret: true, Help: "who may post webhooks: user:password,..."},
			func(c *Config, v string) error { return readWebhookUsers(&c.WebhookUsers, v) },
		},
		{
			Setting{
				Name: "BECKON_SECRET_KEY", Secret: true,
				Help: "keys for links, sessions, `forget`, each of 32 characters or more: the first signs",
			},
			func(c *Config, v string) error { return readSecretKeys(&c.SecretKeys, v) },
		},
	}
}

func dataTable() []entry {
	return []entry{
		{
			Setting{
				Name: "BECKON_DATABASE_URL", Default: "sqlite:beckon.db", Secret: true,
				Help: "where everything is kept: sqlite:PATH or postgres://...",
			},
			func(c *Config, v string) error { return readDatabase(c, v) },
		},
		{
			Setting{Name: "BECKON_RULES", Default: "rules.yaml", Help: "file of rules"},
			func(c *Config, v string) error { return readText(&c.Rules, v) },
		},
		{
			Setting{Name: "BECKON_TEMPLATES", Default: "templates", Help: "folder of templates"},
			func(c *Config, v string) error { return readText(&c.Templates, v) },
		},
		{
			Setting{
				Name: "BECKON_KEEP", Default: string(KeepAll),
				Help: "which events are kept: all, or wanted (only those that a rule names)",
			},
			func(c *Config, v string) error { return readChoice(&c.Keep, v, KeepAll, KeepWanted) },
		},
		{
			Setting{Name: "BECKON_RETENTION", Default: "720h", Help: "how long events are kept, with what became of them; at least 72h"},
			func(c *Config, v string) error { return readDuration(&c.Retention, v, minRetention, maxRetention) },
		},
		{
			Setting{Name: "BECKON_MEDIA_LINK_TTL", Help: "how long links to files in messages work (default and most BECKON_RETENTION)"},
			func(c *Config, v string) error {
				return readDuration(&c.MediaLinkTTL, v, minMediaLinkTTL, maxRetention)
			},
		},
		{
			Setting{
				Name: "BECKON_RETENTION_MESSAGES",
				Help: "how long texts and addresses are kept, at least 24h (default BECKON_RETENTION)",
			},
			func(c *Config, v string) error {
				return readDuration(&c.RetentionMessages, v, minRetentionMessages, maxRetention)
			},
		},
		{
			Setting{Name: "BECKON_RETENTION_AUDIT", Default: "8760h", Help: "how long it is kept what operators did, at least 24h"},
			func(c *Config, v string) error {
				return readDuration(&c.RetentionAudit, v, minRetentionAudit, maxRetention)
			},
		},
	}
}

func operationTable() []entry {
	return []entry{
		{
			Setting{
				Name: "BECKON_PROVIDERS", Default: string(ProvidersLive),
				Help: "live, or outbox (keeps every message and sends none)",
			},
			func(c *Config, v string) error { return readChoice(&c.Providers, v, ProvidersLive, ProvidersOutbox) },
		},
		{
			Setting{
				Name: "BECKON_UNKNOWN_WAIT", Default: "60s",
				Help: "how long a lost answer waits for a receipt before the provider is asked",
			},
			func(c *Config, v string) error {
				return readDuration(&c.UnknownWait, v, minUnknownWait, maxUnknownWait)
			},
		},
		{
			Setting{Name: "BECKON_LOG_LEVEL", Default: "info", Help: "debug, info, warn or error"},
			func(c *Config, v string) error { return readLevel(&c.LogLevel, v) },
		},
		{
			Setting{Name: "BECKON_LOG_FORMAT", Default: string(LogJSON), Help: "json or text"},
			func(c *Config, v string) error { return readChoice(&c.LogFormat, v, LogJSON, LogText) },
		},
	}
}
