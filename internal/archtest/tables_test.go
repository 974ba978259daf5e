package archtest

// edgeTable says for each package of this module which others its code may import, tests aside.
type edgeTable map[string][]string

// edges are the folders of packages, where "*" is every one but internal/app. Every package has its line, so a new one has
// to say whom it knows; and every line has its package.
//
// The order is that of the layers: a package imports from above its own line only.
var edges = edgeTable{
	"internal/relay":    {},
	"internal/archtest": {},
	// It has tests only, which know the settings.
	"internal/manifests": {},

	"internal/address":   {"internal/relay"},
	"internal/cometchat": {"internal/relay", "internal/address"},
	"internal/outbound":  {},
	"internal/privacy":   {"internal/relay"},
	"internal/telemetry": {"internal/relay", "internal/outbound"},

	// The core: pure, no input or output.
	"internal/rules":      {"internal/relay"},
	"internal/render":     {"internal/relay"},
	"internal/engine":     {"internal/relay", "internal/rules", "internal/render"},
	"internal/engine/sim": {"internal/relay", "internal/rules", "internal/render", "internal/engine"},
	"internal/backtest":   {"internal/relay", "internal/rules", "internal/engine", "internal/engine/sim"},

	// The adapters: none knows another, only what its family shares.
	"internal/cometchat/rest":          {"internal/relay", "internal/outbound", "internal/cometchat"},
	"internal/cometchat/cometchattest": {},

	"internal/channel":            {"internal/relay", "internal/outbound"},
	"internal/channel/twilio":     {"internal/relay", "internal/outbound", "internal/channel"},
	"internal/channel/sendgrid":   {"internal/relay", "internal/outbound", "internal/channel"},
	"internal/channel/outbox":     {"internal/relay", "internal/outbound"},
	"internal/channel/vendortest": {},
	"internal/directory":          {"internal/relay", "internal/address", "internal/outbound"},
	"internal/store":              {"internal/relay"},
	"internal/store/tables":       {"internal/relay", "internal/store"},
	"internal/store/sqlite":       {"internal/relay", "internal/store", "internal/store/tables"},
	"internal/store/postgres":     {"internal/relay", "internal/store", "internal/store/tables"},
	"internal/store/pgtest":       {},
	"internal/store/sqlitetest":   {"internal/store/sqlite", "internal/store/storetest"},
	"internal/store/storetest":    {"internal/relay", "internal/store", "internal/privacy"},
	"internal/links":              {"internal/relay"},
	"internal/access":             {"internal/relay"},
	"internal/view":               {"internal/relay", "internal/address", "internal/rules", "internal/engine", "internal/store"},
	"internal/console":            {"internal/relay", "internal/access", "internal/view"},
	"internal/server":             {"internal/relay", "internal/telemetry", "internal/access", "internal/view", "internal/backtest"},
	"internal/config":             {"internal/relay"},

	// What runs the core on files.
	"internal/scenario": {
		"internal/relay", "internal/cometchat", "internal/rules", "internal/render", "internal/engine", "internal/engine/sim",
		"internal/directory",
	},

	// What joins them.
	"internal/dispatch": {
		"internal/relay", "internal/rules", "internal/render", "internal/store", "internal/engine", "internal/channel",
		"internal/telemetry",
	},
	"internal/app": {"*"},
	"cmd/beckon":   {"*", "internal/app"},

	// What measures.
	"internal/loadtest": {},
	"cmd/bench":         {"*", "internal/app"},
}

// library ties packages that are not ours to the folders, and those below, whose code may import them.
type library struct {
	path    string
	folders []string
}

var libraries = []library{
	{"github.com/labstack/echo", []string{"internal/server", "internal/console", "internal/loadtest"}},
	{"github.com/go-analyze/charts", []string{"internal/console", "cmd/bench"}},
	{"github.com/riverqueue/river", []string{"internal/store", "internal/dispatch"}},
	{"modernc.org/sqlite", []string{"internal/store/sqlite"}},
	{"github.com/jackc/pgx", []string{"internal/store/postgres", "internal/store/pgtest"}},
	{"github.com/pressly/goose", []string{"internal/store"}},
	{"cel.dev/cel-go", []string{"internal/rules"}},
	{"gopkg.in/yaml.v3", []string{"internal/rules", "internal/directory", "internal/scenario", "internal/app"}},
	{"github.com/go-playground/locales", []string{"internal/render"}},
	{"github.com/twilio/twilio-go", []string{"internal/channel/twilio"}},
	{"github.com/sendgrid", []string{"internal/channel/sendgrid"}},
	{"github.com/prometheus/client_golang", []string{"internal/app"}},
	{"go.opentelemetry.io", []string{"internal/telemetry"}},
	{"github.com/spf13/cobra", []string{"cmd", "internal/app"}},
	{"github.com/HdrHistogram/hdrhistogram-go", []string{"internal/loadtest"}},
	// In tests only.
	{"github.com/stretchr/testify", []string{"internal/store/storetest", "internal/store/sqlitetest"}},
	{"github.com/prometheus/prometheus", nil},
	{"google.golang.org/protobuf", nil},
	{"sigs.k8s.io/kustomize", nil},
}

// core are the folders, with those below, whose code reads no clock, file, database, network or environment and rolls no dice:
// the same input gives the same decision, in `serve`, in a test and a year later.
var core = []string{"internal/relay", "internal/rules", "internal/render", "internal/engine"}

// outside are packages of the standard library, with those below, that reach out of the process, or for chance.
var outside = []string{
	"crypto/rand", "database/sql", "embed", "io/ioutil", "math/rand", "net/http", "net/rpc", "net/smtp", "os", "plugin", "syscall",
}

// stdOnly are the packages that import nothing but the standard library, tests aside.
var stdOnly = []string{"internal/relay", "internal/archtest"}

// ban forbids names of a standard package to the code in some folders and those below, tests aside.
type ban struct {
	pkg     string
	names   []string
	folders []string
	except  []string
	why     string
}

var bans = []ban{
	{
		pkg: "os", names: []string{"Getenv", "LookupEnv", "ExpandEnv"},
		folders: []string{"cmd", "internal"},
		// vendortest serves tests, which are told by the environment where the vendors' documents are.
		except: []string{"internal/config", "internal/channel/vendortest"},
		// OpenTelemetry's SDK reads those of its own variables that internal/config leaves to it; see Tracing there.
		why: "only internal/config reads the environment",
	},
	{
		pkg: "time", names: []string{"Now", "Since", "Until", "After", "NewTimer", "NewTicker"},
		folders: core,
		why:     "the core is handed the time as a value",
	},
	{
		pkg: "time", names: []string{"LoadLocation"},
		folders: []string{"internal/relay", "internal/engine"},
		why:     "it reads files; a contact has its zone",
	},
	{
		pkg: "net", names: []string{"Dial", "DialTimeout", "Listen", "LookupHost", "LookupIP", "LookupAddr"},
		folders: core,
		why:     "the core talks to nobody",
	},
	{
		pkg: "time", names: []string{"Sleep"},
		folders: []string{"cmd", "internal"},
		why:     "wait on a context or a timer",
	},
}

// vague are package names that say nothing about what is inside.
var vague = []string{"base", "common", "helper", "helpers", "lib", "misc", "models", "shared", "types", "util", "utils"}

// top is what may stand at the top of the project. What .gitignore names may be there too.
var top = []string{
	".ci", ".dockerignore", ".git", ".gitignore", ".golangci.yml",
	"CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
	"cmd", "deploy", "docs", "go.mod", "go.sum", "internal", "rules.test.yaml", "rules.yaml", "templates",
}

// Sizes past which code is split, in lines. Files of tests may be longer: a table of cases is read by the row.
const (
	maxFile     = 500
	maxFunction = 60
)
