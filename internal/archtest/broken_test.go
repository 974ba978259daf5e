package archtest

import "strings"

const (
	relayFile  = "internal/relay/a.go"
	engineFile = "internal/engine/a.go"
	serverFile = "internal/server/a.go"
)

// broken are small trees, each with what its check must find.
var broken = map[string]struct {
	check check
	files map[string]string
	want  []string
}{
	"an import that is no edge": {
		edgeTable{"internal/engine": {"internal/rules"}, "internal/relay": {}}.check,
		map[string]string{
			engineFile: "package engine\nimport (\n_ \"example.com/m/internal/rules\"\n_ \"example.com/m/internal/store\"\n)\n",
			relayFile:  "package relay\n",
		},
		[]string{"internal/engine/a.go imports internal/store, which is not among its edges"},
	},
	"an import of app by another than main": {
		edgeTable{"cmd/beckon": {"*", "internal/app"}, "internal/server": {"*"}}.check,
		map[string]string{
			"cmd/beckon/main.go": "package main\nimport _ \"example.com/m/internal/app\"\n",
			serverFile:           "package server\nimport (\n_ \"example.com/m/internal/app\"\n_ \"example.com/m/internal/x\"\n)\n",
		},
		[]string{"internal/server/a.go imports internal/app, which is not among its edges"},
	},
	"packages and lines that do not match": {
		edgeTable{"internal/gone": {}}.check,
		map[string]string{relayFile: "package relay\n"},
		[]string{
			"internal/gone is in the table of edges but not in the tree",
			"internal/relay is missing in the table of edges",
		},
	},
	"any import in a test": {
		edgeTable{"internal/engine": {}}.check,
		map[string]string{"internal/engine/a_test.go": "package engine\nimport _ \"example.com/m/internal/store\"\n"},
		nil,
	},
	"a library out of its place": {
		checkLibraries,
		map[string]string{
			engineFile: "package engine\nimport _ \"github.com/labstack/echo/v4\"\n",
			serverFile: "package server\nimport _ \"github.com/labstack/echo/v4\"\n",
		},
		[]string{"internal/engine/a.go imports github.com/labstack/echo/v4, which belongs in internal/server, internal/console, internal/loadtest"},
	},
	"a library in the nouns": {
		checkLibraries,
		map[string]string{relayFile: "package relay\nimport (\n_ \"crypto/sha256\"\n_ \"golang.org/x/text/width\"\n)\n"},
		[]string{"internal/relay/a.go imports golang.org/x/text/width, but may import the standard library only"},
	},
	"the environment read outside config": {
		checkBans,
		map[string]string{
			serverFile:             "package server\nimport env \"os\"\nvar home = env.Getenv(\"HOME\")\n",
			"internal/config/a.go": "package config\nimport \"os\"\nvar home = os.Getenv(\"HOME\")\n",
		},
		[]string{"internal/server/a.go:3 uses os.Getenv: only internal/config reads the environment"},
	},
	"a clock read in the core, even as a value": {
		checkBans,
		map[string]string{
			engineFile: "package engine\nimport \"time\"\nvar now = time.Now\nvar day = 24 * time.Hour\n",
			serverFile: "package server\nimport \"time\"\nvar now = time.Now\n",
		},
		[]string{"internal/engine/a.go:3 uses time.Now: the core is handed the time as a value"},
	},
	"a file read in the core": {
		checkCore,
		map[string]string{
			engineFile:                 "package engine\nimport (\n_ \"io/fs\"\n_ \"os\"\n)\n",
			"internal/engine/sim/a.go": "package sim\nimport _ \"math/rand/v2\"\n",
			serverFile:                 "package server\nimport _ \"os\"\n",
		},
		[]string{
			"internal/engine/a.go imports os, but the core is pure",
			"internal/engine/sim/a.go imports math/rand/v2, but the core is pure",
		},
	},
	"a sleep": {
		checkBans,
		map[string]string{serverFile: "package server\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"},
		[]string{"internal/server/a.go:3 uses time.Sleep: wait on a context or a timer"},
	},
	"a package that does not say what it is": {
		checkComments,
		map[string]string{
			relayFile:            "package relay\n",
			serverFile:           "// Package server is the edge.\npackage server\n",
			engineFile:           "// Package other is misnamed.\npackage engine\n",
			"cmd/beckon/main.go": "// Command beckon runs.\npackage main\n",
		},
		[]string{
			`internal/engine has no package comment that begins "Package name" or "Command name"`,
			`internal/relay has no package comment that begins "Package name" or "Command name"`,
		},
	},
	"names that say nothing, or too much": {
		checkNames([]string{"http"}),
		map[string]string{
			"internal/util/a.go": "package util\n", "internal/http/a.go": "package http\n",
			relayFile: "package nouns\n", serverFile: "package server\n", "cmd/beckon/main.go": "package main\n",
		},
		[]string{
			"internal/http/a.go: the standard library has a package http",
			"internal/relay/a.go is of package nouns, unlike its folder",
			"internal/util/a.go: the package name util says nothing",
		},
	},
	"a long file and a long function": {
		checkSizes,
		map[string]string{
			relayFile:                 "package relay\n" + strings.Repeat("\n", 500),
			"internal/relay/b.go":     "package relay\n" + strings.Repeat("\n", 499),
			"internal/relay/table.go": "package relay\nfunc long() {" + strings.Repeat("\n", 60) + "}\n",
			"internal/relay/short.go": "package relay\nfunc short() {" + strings.Repeat("\n", 59) + "}\n",
		},
		[]string{
			"internal/relay/a.go has 501 lines, more than 500",
			"internal/relay/table.go:2: long has 61 lines, more than 60",
		},
	},
	"an init function": {
		checkInit,
		map[string]string{relayFile: "package relay\nfunc init() {}\nfunc (t) init() {}\n"},
		[]string{"internal/relay/a.go:2 is an init function"},
	},
	"something put off": {
		checkUnfinished,
		map[string]string{relayFile: "package relay\n\n// TODO: the rest\nvar todo = \"TODO\"\n"},
		[]string{"internal/relay/a.go:3 says TODO: do it, or open an issue"},
	},
	"something at the top that has no place there": {
		checkTop,
		map[string]string{".gitignore": "/bin/\n*.db\n", "notes.txt": "", "bin/x": "", "a.db": "", relayFile: "package relay\n"},
		[]string{"notes.txt has no place at the top of the project"},
	},
	"a layout that is not the tree": {
		checkLayout,
		map[string]string{
			"CONTRIBUTING.md": "# C\n\n## Layout\n\n- `internal/relay`: nouns\n- `internal/gone`: was\n\n## Next\n\n- `internal/server`: no\n",
			relayFile:         "package relay\n", serverFile: "package server\n",
		},
		[]string{
			"internal/gone is in the layout in CONTRIBUTING.md but not in the tree",
			"internal/server is missing in the layout in CONTRIBUTING.md",
		},
	},
	"no layout at all": {
		checkLayout,
		map[string]string{"CONTRIBUTING.md": "# C\n"},
		[]string{`CONTRIBUTING.md has no section "Layout"`},
	},
	"dependencies without a reason, without a use, of another version": {
		checkDependencies,
		map[string]string{
			"go.mod": "module example.com/m\n\nrequire example.com/one v1.0.0\n\nrequire (\n\texample.com/two/v2 v2.1.0\n" +
				"\texample.com/two/v2/sub v0.3.0\n\texample.com/three v3.0.0+incompatible // indirect\n)\n",
			"CONTRIBUTING.md": "# C\n\n## Dependencies\n\n| module | why |\n| --- | --- |\n" +
				"| `example.com/one` v1.1.0 | reason |\n| `example.com/three` v3.0.0+incompatible | unused |\n" +
				"| `example.com/two/v2` v2.1.0 | |\n",
			relayFile: "package relay\nimport (\n_ \"example.com/one/a\"\n_ \"example.com/two/v2\"\n_ \"example.com/two/v2/sub/b\"\n)\n",
		},
		[]string{
			"example.com/one v1.1.0 is in the dependencies in CONTRIBUTING.md but not in the tree",
			"example.com/three v3.0.0+incompatible is in the dependencies in CONTRIBUTING.md but not in the tree",
			"example.com/one v1.0.0 is missing in the dependencies in CONTRIBUTING.md",
			"example.com/two/v2 v2.1.0 is missing in the dependencies in CONTRIBUTING.md",
			"example.com/two/v2/sub v0.3.0 is missing in the dependencies in CONTRIBUTING.md",
		},
	},
	"an image with another Go": {
		checkImageGo,
		map[string]string{"go.mod": "module example.com/m\n\ngo 1.26.8\n", "Dockerfile": "ARG GO_VERSION=1.26.7\n"},
		[]string{`Dockerfile says ["ARG GO_VERSION=1.26.7" "1.26.7"] and go.mod ["go 1.26.8" "1.26.8"]: both must name the same Go version`},
	},
}
