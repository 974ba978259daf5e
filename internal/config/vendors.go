package config

func vendorTable() []entry {
	return append(cometchatTable(), append(twilioTable(), sendgridTable()...)...)
}

func cometchatTable() []entry {
	return []entry{
		{
			Setting{Name: "COMETCHAT_APP_ID", Help: "the chat app; events of another are refused"},
			func(c *Config, v string) error { return readText(&c.CometChat.AppID, v) },
		},
		{
			Setting{Name: "COMETCHAT_REGION", Help: "the chat app's region, such as eu"},
			func(c *Config, v string) error { return readText(&c.CometChat.Region, v) },
		},
		{
			Setting{Name: "COMETCHAT_API_KEY", Secret: true, Help: "the chat app's REST API key"},
			func(c *Config, v string) error { return readSecret(&c.CometChat.APIKey, v) },
		},
		{
			Setting{Name: "BECKON_COMETCHAT_BASE_URL", Help: "replaces scheme, host and port of CometChat's API"},
			func(c *Config, v string) error { return readBaseURL(&c.CometChat.BaseURL, v) },
		},
	}
}

func twilioTable() []entry {
	return []entry{
		{
			Setting{Name: "TWILIO_ACCOUNT_SID", Help: "the account that sends SMS"},
			func(c *Config, v string) error { return readText(&c.Twilio.AccountSID, v) },
		},
		{
			Setting{Name: "TWILIO_AUTH_TOKEN", Secret: true, Help: "its auth tokens: the first sends, all verify callbacks"},
			func(c *Config, v string) error { return readSecrets(&c.Twilio.AuthTokens, v) },
		},
		{
			Setting{Name: "TWILIO_API_KEY", Secret: true, Help: "an API key instead of the auth token"}, // no secret by itself, but rotated with one
			func(c *Config, v string) error { return readText(&c.Twilio.APIKey, v) },
		},
		{
			Setting{Name: "TWILIO_API_SECRET", Secret: true, Help: "that API key's secret"},
			func(c *Config, v string) error { return readSecret(&c.Twilio.APISecret, v) },
		},
		{
			Setting{Name: "TWILIO_FROM", Help: "the sender's number; or TWILIO_MESSAGING_SERVICE_SID"},
			func(c *Config, v string) error { return readText(&c.Twilio.From, v) },
		},
		{
			Setting{Name: "TWILIO_MESSAGING_SERVICE_SID", Help: "the service that chooses the sender"},
			func(c *Config, v string) error { return readText(&c.Twilio.MessagingServiceSID, v) },
		},
		{
			Setting{Name: "BECKON_TWILIO_BASE_URL", Help: "replaces scheme, host and port of Twilio's API"},
			func(c *Config, v string) error { return readBaseURL(&c.Twilio.BaseURL, v) },
		},
	}
}

func sendgridTable() []entry {
	return []entry{
		{
			Setting{Name: "SENDGRID_API_KEY", Secret: true, Help: "the account that sends mail"},
			func(c *Config, v string) error { return readSecret(&c.SendGrid.APIKey, v) },
		},
		{
			Setting{Name: "SENDGRID_FROM", Help: "the sender, such as Example <alerts@example.com>"},
			func(c *Config, v string) error { return readText(&c.SendGrid.From, v) },
		},
		{
			Setting{
				Name: "SENDGRID_EVENT_PUBLIC_KEY", Secret: true,
				Help: "verifies SendGrid's event webhooks; two keys, comma separated, while one is rotated",
			},
			func(c *Config, v string) error { return readPublicKeys(&c.SendGrid.EventPublicKeys, v) },
		},
		{
			Setting{
				Name: "SENDGRID_ACTIVITY", Default: "off",
				Help: "on, or 5m: lost mails are sought in the activity, so far behind",
			},
			func(c *Config, v string) error { return readActivity(&c.SendGrid, v) },
		},
		{
			Setting{Name: "BECKON_SENDGRID_BASE_URL", Help: "replaces scheme, host and port of SendGrid's API"},
			func(c *Config, v string) error { return readBaseURL(&c.SendGrid.BaseURL, v) },
		},
	}
}
