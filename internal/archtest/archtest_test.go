package archtest

import (
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestTheProjectKeepsItsShape(t *testing.T) {
	t.Parallel()
	project, err := load(os.DirFS("../.."))
	require.NoError(t, err)
	require.Equal(t, "github.com/beckon-relay/beckon", project.module)
	require.Contains(t, project.packages, "internal/archtest")

	for name, run := range map[string]check{
		"packages know only whom they may":         edges.check,
		"libraries stay where they belong":         checkLibraries,
		"environment, clock and sleep stay apart":  checkBans,
		"the core is pure":                         checkCore,
		"every package says what it is":            checkComments,
		"package names say something":              checkNames(standardNames(t)),
		"files and functions stay short":           checkSizes,
		"nothing happens in init":                  checkInit,
		"nothing is put off":                       checkUnfinished,
		"the top is tidy":                          checkTop,
		"the layout is the tree":                   checkLayout,
		"every dependency has its reason":          checkDependencies,
		"the image is built with the Go of go.mod": checkImageGo,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, strings.Join(run(project), "\n"))
		})
	}
}

// standardNames lists the names of the packages of the standard library that a program can import.
func standardNames(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "std").Output()
	require.NoError(t, err)
	var names []string
	for imported := range strings.FieldsSeq(string(out)) {
		if !slices.Contains(strings.Split(imported, "/"), "internal") && !under(imported, "vendor") {
			names = append(names, path.Base(imported))
		}
	}
	require.Contains(t, names, "http")
	return names
}

func TestChecksFindWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{"go.mod": {Data: []byte("module example.com/m\n")}}
			for file, text := range c.files {
				files[file] = &fstest.MapFile{Data: []byte(text)}
			}
			project, err := load(files)
			require.NoError(t, err)
			require.Equal(t, c.want, c.check(project))
		})
	}
}

func TestOnlyOurOwnSourcesAreRead(t *testing.T) {
	t.Parallel()
	foreign := &fstest.MapFile{Data: []byte("not Go at all")}
	project, err := load(fstest.MapFS{
		"go.mod":                       {Data: []byte("module example.com/m\n")},
		".cache/a.go":                  foreign,
		"bin/a.go":                     foreign,
		"internal/relay/testdata/a.go": foreign,
		"internal/relay/a.txt":         foreign,
		"internal/relay/a.go":          {Data: []byte("package relay\n")},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"internal/relay"}, project.folders())
}

func TestATreeThatDoesNotParseIsAnError(t *testing.T) {
	t.Parallel()
	_, err := load(fstest.MapFS{
		"go.mod":              {Data: []byte("module example.com/m\n")},
		"internal/relay/a.go": {Data: []byte("package")},
	})
	require.ErrorContains(t, err, "internal/relay/a.go:1")

	_, err = load(fstest.MapFS{})
	require.ErrorContains(t, err, "go.mod")
}
