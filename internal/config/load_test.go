package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/config"
)

// load takes the environment and the mounted files as maps.
func load(env, files map[string]string) (config.Config, error) {
	return config.Load(
		func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		func(path string) ([]byte, error) {
			content, ok := files[path]
			if !ok {
				return nil, os.ErrNotExist
			}
			return []byte(content), nil
		})
}

func TestAnEmptyEnvironmentGivesTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := load(nil, nil)
	require.NoError(t, err)
	require.Equal(t, config.Config{
		Listen: ":8080", AdminListen: "127.0.0.1:8081", DatabaseFile: "beckon.db", Rules: "rules.yaml",
		Templates: "templates", Providers: config.ProvidersLive, Keep: config.KeepAll, UnknownWait: time.Minute,
		Retention: 30 * 24 * time.Hour, RetentionMessages: 30 * 24 * time.Hour, RetentionAudit: 365 * 24 * time.Hour,
		MediaLinkTTL: 30 * 24 * time.Hour, LogLevel: slog.LevelInfo, LogFormat: config.LogJSON,
		Directory: config.Directory{TTL: 5 * time.Minute},
		SMS:       config.Limits{Concurrency: 32}, Email: config.Limits{Rate: 100, Concurrency: 32}, GroupCap: 1000,
		Tracing: config.Tracing{Sampler: "parentbased_always_on", SamplerArg: 1},
	}, got)
}

func TestADatabaseIsSQLiteOrPostgreSQL(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]string{
		"sqlite:b.db":                               {"b.db", ""},
		"postgres://u:hush@db:5432/beckon":          {"", "postgres://u:hush@db:5432/beckon"},
		"postgresql:///beckon?host=/run/postgresql": {"", "postgresql:///beckon?host=/run/postgresql"},
	} {
		got, err := load(map[string]string{"BECKON_DATABASE_URL": value}, nil)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{got.DatabaseFile, got.DatabaseURL.Reveal()})
		require.NotContains(t, fmt.Sprintf("%+v", got), "hush")
		other, err := config.Database(value)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{other.DatabaseFile, other.DatabaseURL.Reveal()})
	}
}

func TestEveryGoodSettingIsRead(t *testing.T) {
	t.Parallel()
	key, other := strings.Repeat("k", 32), strings.Repeat("o", 40)
	got, err := load(map[string]string{
		"BECKON_LISTEN":             "[::1]:80",
		"BECKON_ADMIN_LISTEN":       ":9090",
		"BECKON_TLS_CERT_FILE":      "/tls/crt",
		"BECKON_TLS_KEY_FILE":       "/tls/key",
		"BECKON_TRUSTED_PROXIES":    "10.1.2.3/8, 192.0.2.7,2001:db8::/32",
		"BECKON_PUBLIC_URL":         "https://beckon.example.com/base/",
		"BECKON_SECRET_KEY":         key + "," + other,
		"BECKON_DATABASE_URL":       "sqlite:/data/b.db",
		"BECKON_DIRECTORY":          "file:a.yaml, file:b.yaml",
		"BECKON_WEBHOOK_USERS":      "chat:one, chat:t:wo",
		"BECKON_CONSOLE_USERS":      "ann:plain,bob:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy:viewer",
		"BECKON_PROVIDERS":          "outbox",
		"BECKON_KEEP":               "wanted",
		"BECKON_RETENTION":          "72h",
		"BECKON_UNKNOWN_WAIT":       "5s",
		"BECKON_LOG_LEVEL":          "WARN",
		"BECKON_LOG_FORMAT":         "text",
		"COMETCHAT_APP_ID":          "app",
		"COMETCHAT_REGION":          "eu",
		"BECKON_COMETCHAT_BASE_URL": "http://127.0.0.1:9/",
		"TWILIO_ACCOUNT_SID":        "AC1",
		"TWILIO_AUTH_TOKEN":         "token",
		"TWILIO_FROM":               "+15005550006",
		"SENDGRID_API_KEY":          "SG.x",
		"SENDGRID_FROM":             "Beckon <beckon@example.com>",
		"SENDGRID_EVENT_PUBLIC_KEY": publicKey(t),
		"SENDGRID_ACTIVITY":         "5s",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, "[::1]:80", got.Listen)
	require.Equal(t, ":9090", got.AdminListen)
	require.Equal(t, "/tls/crt /tls/key", got.TLSCertFile+" "+got.TLSKeyFile)
	require.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32"),
	}, got.TrustedProxies)
	require.Equal(t, "https://beckon.example.com/base", got.PublicURL.String())
	require.Equal(t, []config.Secret{config.Secret(key), config.Secret(other)}, got.SecretKeys)
	require.Equal(t, "/data/b.db", got.DatabaseFile)
	require.Equal(t, []string{"a.yaml", "b.yaml"}, got.Directory.Files())
	require.Equal(t, []config.WebhookUser{{User: "chat", Password: "one"}, {User: "chat", Password: "t:wo"}}, got.WebhookUsers)
	require.Equal(t, config.ConsoleUser{Name: "ann", Secret: "plain"}, got.ConsoleUsers[0])
	require.True(t, got.ConsoleUsers[1].Viewer)
	require.Equal(t, config.ProvidersOutbox, got.Providers)
	require.Equal(t, config.KeepWanted, got.Keep)
	require.Equal(t, 72*time.Hour, got.Retention)
	require.Equal(t, 5*time.Second, got.UnknownWait)
	require.Equal(t, slog.LevelWarn, got.LogLevel)
	require.Equal(t, config.LogText, got.LogFormat)
	require.Equal(t, "app eu http://127.0.0.1:9", got.CometChat.AppID+" "+got.CometChat.Region+" "+got.CometChat.BaseURL.String())
	require.True(t, got.Twilio.Configured())
	require.True(t, got.SendGrid.Configured())
	require.True(t, got.SendGrid.Activity)
	require.Equal(t, 5*time.Second, got.SendGrid.ActivityLag)
	require.Equal(t, "Beckon <beckon@example.com>", got.SendGrid.From)
}

func TestWhoMayUseTheConsoleIsRead(t *testing.T) {
	t.Parallel()
	got, err := load(map[string]string{
		"BECKON_CONSOLE_TOKENS":       "ci:0123456789abcdef0123456789abcdef,cd:sha256:" + strings.Repeat("AB", 32) + ":viewer",
		"BECKON_CONSOLE_PROXY_HEADER": "x-forwarded-user",
		"BECKON_CONSOLE_PROXIES":      "10.0.0.0/8",
		"BECKON_CONSOLE_OPERATORS":    "ann@example.com, bob",
		"BECKON_TOKEN":                "fedcba9876543210fedcba9876543210",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, []config.ConsoleToken{
		{Name: "ci", Hash: "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"}, {Name: "cd", Hash: config.Secret(strings.Repeat("ab", 32)), Viewer: true},
	}, got.ConsoleTokens)
	require.Equal(t, config.ConsoleProxy{
		Header: "X-Forwarded-User", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Operators: []string{"ann@example.com", "bob"},
	}, got.ConsoleProxy)
	require.True(t, got.ConsoleConfigured())
	require.Equal(t, "fedcba9876543210fedcba9876543210", got.Token.Reveal())
	got, err = load(nil, nil)
	require.NoError(t, err)
	require.False(t, got.ConsoleConfigured())
}

// faultCase is one entry of testdata/faults.yaml.
type faultCase struct {
	Name  string            `yaml:"name"`
	Env   map[string]string `yaml:"env"`
	Files map[string]string `yaml:"files"`
	Want  []string          `yaml:"want"`
	// Hidden must not be in the error.
	Hidden []string `yaml:"hidden"`
}

func TestEveryFaultIsNamedWithWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("testdata", "faults.yaml"))
	require.NoError(t, err)
	var cases []faultCase
	require.NoError(t, yaml.Unmarshal(src, &cases))
	require.NotEmpty(t, cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			got, err := load(c.Env, c.Files)
			require.EqualError(t, err, strings.Join(c.Want, "\n"))
			require.Zero(t, got, "a configuration with faults must not be usable")
			for _, secret := range c.Hidden {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestASecretComesFromItsFileWithoutTheLastNewline(t *testing.T) {
	t.Parallel()
	got, err := load(
		map[string]string{"TWILIO_AUTH_TOKEN_FILE": "/run/token", "SENDGRID_API_KEY_FILE": "/run/key"},
		map[string]string{"/run/token": "unix\n", "/run/key": "two\nlines\r\n"})
	require.NoError(t, err)
	require.Equal(t, config.Secret("unix"), got.Twilio.AuthToken())
	require.Equal(t, config.Secret("two\nlines"), got.SendGrid.APIKey)
	require.Equal(t, []string{"/run/token", "/run/key"}, got.SecretFiles)
}

func TestSecretsThatAreRotatedMayBeSeveralAtOnce(t *testing.T) {
	t.Parallel()
	first, second := publicKey(t), publicKey(t)
	got, err := load(
		map[string]string{"TWILIO_AUTH_TOKEN": "new, old", "SENDGRID_EVENT_PUBLIC_KEY_FILE": "/run/keys"},
		map[string]string{"/run/keys": first + "," + second + "\n"})
	require.NoError(t, err)
	require.Equal(t, []config.Secret{"new", "old"}, got.Twilio.AuthTokens)
	require.Equal(t, config.Secret("new"), got.Twilio.AuthToken(), "the first sends")
	require.Equal(t, []string{first, second}, got.SendGrid.EventPublicKeys)
	require.Empty(t, config.Twilio{}.AuthToken())
	require.False(t, got.SendGrid.Activity, "it costs extra")
}

func TestDirectoriesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	got, err := load(map[string]string{
		"BECKON_DIRECTORY":          "file:a.yaml, cometchat, https://crm.example/contacts/{uid}?v=2,file:b.yaml,http://127.0.0.1:9/{uid}/x",
		"BECKON_DIRECTORY_NETWORKS": "10.1.2.3/16,fd00::1",
		"BECKON_DIRECTORY_TTL":      "90s",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, config.Directory{
		Sources: []config.DirectorySource{
			{Kind: config.DirectoryFile, Address: "a.yaml"},
			{Kind: config.DirectoryCometChat},
			{Kind: config.DirectoryHTTP, Address: "https://crm.example/contacts/{uid}?v=2"},
			{Kind: config.DirectoryFile, Address: "b.yaml"},
			{Kind: config.DirectoryHTTP, Address: "http://127.0.0.1:9/{uid}/x"},
		},
		Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::1/128")}, TTL: 90 * time.Second,
	}, got.Directory)
	require.Equal(t, []string{"a.yaml", "b.yaml"}, got.Directory.Files())
	require.True(t, got.Directory.Uses(config.DirectoryCometChat))
	require.False(t, config.Directory{}.Uses(config.DirectoryCometChat))
}

func TestADirectorysCredentialIsATokenOrAUser(t *testing.T) {
	t.Parallel()
	const crm = "https://crm.example/{uid},https://crm.example/old/{uid}"
	got, err := load(map[string]string{"BECKON_DIRECTORY": crm, "BECKON_DIRECTORY_TOKEN_FILE": "/run/token"},
		map[string]string{"/run/token": "t0ken\n"})
	require.NoError(t, err)
	require.Equal(t, "t0ken", got.Directory.Token.Reveal())
	got, err = load(map[string]string{"BECKON_DIRECTORY": crm, "BECKON_DIRECTORY_USER": "me:pa:ss"}, nil)
	require.NoError(t, err)
	require.Equal(t, config.WebhookUser{User: "me", Password: "pa:ss"}, got.Directory.User)
	require.Contains(t, config.DirectorySettings(), "BECKON_DIRECTORY_TOKEN")
	require.Contains(t, config.DirectorySettings(), "COMETCHAT_API_KEY")
}

func TestOnlySecretsHaveAFile(t *testing.T) {
	t.Parallel()
	got, err := load(map[string]string{"BECKON_RULES_FILE": "/run/rules"}, nil)
	require.NoError(t, err)
	require.Equal(t, "rules.yaml", got.Rules)
	for _, s := range config.Settings() {
		env := map[string]string{s.Name + "_FILE": "/missing"}
		_, err := load(env, nil)
		require.Equal(t, s.Secret, err != nil, s.Name)
	}
}

func TestAnEmptyValueCountsAsNotGiven(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	for _, s := range config.Settings() {
		env[s.Name] = ""
	}
	got, err := load(env, nil)
	require.NoError(t, err)
	defaults, err := load(nil, nil)
	require.NoError(t, err)
	require.Equal(t, defaults, got)
}

func TestAValueThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10+1)
	_, err := load(map[string]string{"BECKON_RULES": long, "SENDGRID_API_KEY_FILE": "/k"}, map[string]string{"/k": long})
	require.EqualError(t, err, "BECKON_RULES: longer than 64 KiB\nSENDGRID_API_KEY: the file /k is longer than 64 KiB")
	_, err = load(map[string]string{"BECKON_RULES": long[1:]}, nil)
	require.NoError(t, err)
}

func TestTheProcessEnvironmentIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("from-a-file\n"), 0o600))
	t.Setenv("BECKON_RULES", "other.yaml")
	t.Setenv("TWILIO_AUTH_TOKEN_FILE", path)
	got, err := config.FromEnvironment()
	require.NoError(t, err)
	require.Equal(t, "other.yaml", got.Rules)
	require.Equal(t, config.Secret("from-a-file"), got.Twilio.AuthToken())

	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	_, err = config.FromEnvironment()
	require.ErrorContains(t, err, "longer than 64 KiB")

	t.Setenv("TWILIO_AUTH_TOKEN_FILE", path+".gone")
	_, err = config.FromEnvironment()
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNoSecretGetsOutByPrinting(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	c, err := load(map[string]string{
		"BECKON_WEBHOOK_USERS": "chat:" + secret, "BECKON_CONSOLE_USERS": "ann:" + secret,
		"BECKON_CONSOLE_TOKENS": "ci:" + secret + secret + secret, "BECKON_TOKEN": secret,
		"TWILIO_AUTH_TOKEN": secret, "SENDGRID_API_KEY": secret, "COMETCHAT_API_KEY": secret, "TWILIO_API_SECRET": secret,
		"COMETCHAT_APP_ID": "app", "COMETCHAT_REGION": "eu", "BECKON_DIRECTORY_TOKEN": secret,
	}, nil)
	require.NoError(t, err)
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("loaded", "config", c, "token", c.Twilio.AuthToken())
	slog.New(slog.NewTextHandler(&out, nil)).Info("loaded", "config", c, "token", c.Twilio.AuthToken())
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, c.Twilio.AuthToken())
	}
	require.NotContains(t, out.String(), secret)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", secret))
	require.Contains(t, out.String(), "***")
	require.Equal(t, secret, c.Twilio.AuthToken().Reveal())
	require.Empty(t, config.Secret("").String())
}

func TestActionsAreFreeOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	for listen, loopback := range map[string]bool{
		"127.0.0.1:8081": true, "[::1]:8081": true, "localhost:8081": true, "127.9.9.9:1": true,
		":8081": false, "0.0.0.0:8081": false, "[::]:8081": false, "10.0.0.1:8081": false, "beckon.example:8081": false, "": false,
	} {
		require.Equal(t, loopback, config.Config{AdminListen: listen}.AdminOnLoopback(), listen)
	}
}

func TestLookupIsAskedForKnownNamesOnly(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range config.Settings() {
		known[s.Name], known[s.Name+"_FILE"] = true, true
	}
	_, err := config.Load(func(name string) (string, bool) {
		require.True(t, known[name], name)
		return "", false
	}, func(string) ([]byte, error) { return nil, errors.New("no file is named") })
	require.NoError(t, err)
}

func FuzzLoadNeverPanicsAndNeverShowsASecret(f *testing.F) {
	for _, s := range config.Settings() {
		f.Add(s.Name, s.Default)
	}
	f.Add("BECKON_WEBHOOK_USERS", "a:b,:c,d:")
	f.Add("BECKON_CONSOLE_USERS", "a:$2b$:viewer,a:b:c:d")
	f.Add("BECKON_CONSOLE_TOKENS", "a:sha256:00:viewer,b:0123456789abcdef0123456789abcdef:viewer")
	f.Add("BECKON_DATABASE_URL", "postgres://u:topsecret@h/d")
	secret := map[string]bool{}
	for _, s := range config.Settings() {
		secret[s.Name] = s.Secret
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		marked := value + "TOPSECRET"
		c, err := load(map[string]string{name: marked}, nil)
		if err != nil {
			require.Zero(t, c)
			require.True(t, !secret[name] || !strings.Contains(err.Error(), "TOPSECRET"), err)
		}
	})
}
