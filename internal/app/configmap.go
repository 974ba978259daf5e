package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/render"
)

// Limits of Kubernetes: how large the values of a ConfigMap may be together, and the annotations of an object, in bytes. `kubectl apply`
// keeps the whole object once more in an annotation (k8s.io/kubernetes, pkg/apis/core/validation and apimachinery's
// TotalAnnotationSizeLimitB).
const (
	maxConfigMap   = 1 << 20
	maxAnnotations = 256 << 10
)

// ConfigMap is rules and templates as one object of Kubernetes, so that both change at once.
type ConfigMap struct {
	// Namespace may be empty: it is that of the command which applies it then.
	Name, Namespace string
	// Files are the contents by flat name.
	Files map[string]string
}

// Object names of Kubernetes: what DNS takes, for a namespace without dots.
var (
	objectName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
)

// Validate says what is wrong with the names.
func (m ConfigMap) Validate() error {
	var problems []error
	if len(m.Name) > 253 || !objectName.MatchString(m.Name) {
		problems = append(problems, fmt.Errorf("%q cannot be the name of a ConfigMap: write small letters, digits, - and ., as in beckon-rules", m.Name))
	}
	if m.Namespace != "" && !namespaceName.MatchString(m.Namespace) {
		problems = append(problems, fmt.Errorf("%q cannot be a namespace: write small letters, digits and -, at most 63", m.Namespace))
	}
	return errors.Join(problems...)
}

// FlatFiles are the files of a generation as they lie in a ConfigMap, which knows no folders: rules.yaml and the templates by their
// flat names. The error says which templates cannot have one, or that all are too large for a ConfigMap.
func FlatFiles(g *engine.Generation) (map[string]string, error) {
	flat := map[string]string{archivedRules: g.Rules.Text()}
	var problems []error
	for file, text := range g.Templates.Files() {
		name, err := render.FlatName(file)
		if err != nil {
			problems = append(problems, err)
		}
		flat[name] = text
	}
	size := 0
	for _, text := range flat {
		size += len(text)
	}
	if size > maxConfigMap {
		problems = append(problems, fmt.Errorf("rules and templates are %d bytes, and a ConfigMap holds %d", size, maxConfigMap))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return flat, nil
}

// object is the ConfigMap as Kubernetes reads it.
type object struct {
	APIVersion string           `json:"apiVersion" yaml:"apiVersion"`
	Kind       string           `json:"kind"       yaml:"kind"`
	Metadata   metadata         `json:"metadata"   yaml:"metadata"`
	Data       map[string]block `json:"data"       yaml:"data"`
}

// block is a text of several lines.
type block string

// MarshalYAML implements yaml.Marshaler: lines as lines, but in quotes where the text begins with white space, which yaml.v3 does not
// read back as it wrote it, and where it is a single word, which an older YAML may take for a truth.
func (b block) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(b), Style: yaml.DoubleQuotedStyle}
	if strings.Contains(string(b), "\n") && strings.TrimLeft(string(b), " \t\r\n") == string(b) {
		node.Style = yaml.LiteralStyle
	}
	return node, nil
}

type metadata struct {
	Name      string            `json:"name"                yaml:"name"`
	Namespace string            `json:"namespace,omitempty" yaml:"namespace,omitempty"`
	Labels    map[string]string `json:"labels"              yaml:"labels"`
}

func (m ConfigMap) object() object {
	data := make(map[string]block, len(m.Files))
	for name, content := range m.Files {
		data[name] = block(content)
	}
	return object{
		APIVersion: "v1", Kind: "ConfigMap", Data: data,
		Metadata: metadata{
			Name: m.Name, Namespace: m.Namespace,
			Labels: map[string]string{"app.kubernetes.io/name": "beckon", "app.kubernetes.io/part-of": "beckon"},
		},
	}
}

// YAML is the object as `kubectl apply -f -` takes it.
func (m ConfigMap) YAML() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(m.object()), encoder.Close()); err != nil {
		return nil, fmt.Errorf("write the ConfigMap: %w", err)
	}
	return out.Bytes(), nil
}

// OnlyServerSide reports whether it is too large for `kubectl apply` without --server-side.
func (m ConfigMap) OnlyServerSide() bool {
	copied, err := json.Marshal(m.object())
	return err != nil || len(copied) > maxAnnotations
}

// WriteFlat writes flat files into a folder, and removes flat files of templates there that are no more: their names are in the
// result, sorted. Other files stay. The templates folder itself is refused: there both would be the same templates.
func WriteFlat(dir, templatesDir string, flat map[string]string) (removed []string, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if same(dir, templatesDir) {
		return nil, fmt.Errorf("%s is the folder of the templates itself; name another", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if _, stays := flat[entry.Name()]; stays || !entry.Type().IsRegular() || !isFlatTemplate(entry.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
		removed = append(removed, entry.Name())
	}
	for _, name := range slices.Sorted(maps.Keys(flat)) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(flat[name]), 0o644); err != nil { //nolint:gosec // for Git, like all rules
			return nil, err
		}
	}
	return removed, nil
}

func isFlatTemplate(name string) bool {
	return strings.Contains(name, "__") && slices.Contains([]string{".txt", ".html"}, path.Ext(name))
}

func same(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, other)
}
