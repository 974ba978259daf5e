package archtest

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

var (
	// "- `internal/relay`: the nouns" in the section "Layout".
	layoutLine = regexp.MustCompile("(?m)^- `([^`]+)`: \\S")
	// "| `github.com/x/y` v1.2.3 | why |" in the section "Dependencies".
	dependencyLine = regexp.MustCompile("(?m)^\\| `([^`]+)` +(v\\S+) +\\| *\\S[^|]* \\|$")

	goVersion   = regexp.MustCompile(`(?m)^go (\S+)`)
	imageGoLine = regexp.MustCompile(`(?m)^ARG GO_VERSION=(\S+)`)
)

// checkLayout holds the list of packages in CONTRIBUTING.md against the folders.
func checkLayout(t *tree) []string {
	text, err := section(t.fsys, "CONTRIBUTING.md", "Layout")
	if err != nil {
		return []string{err.Error()}
	}
	var listed []string
	for _, found := range layoutLine.FindAllStringSubmatch(text, -1) {
		listed = append(listed, found[1])
	}
	return compare(listed, t.folders(), "the layout in CONTRIBUTING.md")
}

// checkDependencies holds the table of dependencies in CONTRIBUTING.md against what the code imports, and its versions
// against go.mod.
func checkDependencies(t *tree) []string {
	text, err := section(t.fsys, "CONTRIBUTING.md", "Dependencies")
	if err != nil {
		return []string{err.Error()}
	}
	var listed, imported []string
	for _, found := range dependencyLine.FindAllStringSubmatch(text, -1) {
		listed = append(listed, found[1]+" "+found[2])
	}
	for _, s := range t.sources() {
		for _, i := range s.imports() {
			if module := t.dependency(i); module != "" {
				imported = append(imported, module+" "+t.requires[module])
			}
		}
	}
	return compare(listed, imported, "the dependencies in CONTRIBUTING.md")
}

// checkImageGo holds the Go version of the image against that of go.mod.
func checkImageGo(t *tree) []string {
	dockerfile, err := fs.ReadFile(t.fsys, "Dockerfile")
	if err != nil {
		return []string{err.Error()}
	}
	gomod, err := fs.ReadFile(t.fsys, "go.mod")
	if err != nil {
		return []string{err.Error()}
	}
	image, module := imageGoLine.FindSubmatch(dockerfile), goVersion.FindSubmatch(gomod)
	if image == nil || module == nil || string(image[1]) != string(module[1]) {
		return []string{fmt.Sprintf("Dockerfile says %q and go.mod %q: both must name the same Go version", image, module)}
	}
	return nil
}

// section gives the text below a heading "## title" of a Markdown file, up to the next one.
func section(fsys fs.FS, file, title string) (string, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return "", err
	}
	_, after, ok := strings.Cut(string(text), "\n## "+title+"\n")
	if !ok {
		return "", fmt.Errorf("%s has no section %q", file, title)
	}
	before, _, _ := strings.Cut(after, "\n## ")
	return before, nil
}

// compare says what stands in a list and not in the tree, and the other way round.
func compare(listed, there []string, list string) []string {
	var findings []string
	for _, entry := range sorted(listed) {
		if !slices.Contains(there, entry) {
			findings = append(findings, fmt.Sprintf("%s is in %s but not in the tree", entry, list))
		}
	}
	for _, entry := range sorted(there) {
		if !slices.Contains(listed, entry) {
			findings = append(findings, fmt.Sprintf("%s is missing in %s", entry, list))
		}
	}
	return findings
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
