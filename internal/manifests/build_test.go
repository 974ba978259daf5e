//go:build !race

package manifests

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// root is the project as seen from here.
const root = "../.."

// folders lists those below one of deploy/.
func folders(t *testing.T, of string) []string {
	t.Helper()
	entries, err := os.ReadDir(path.Join(root, "deploy", of))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.NotEmpty(t, names)
	return names
}

// choice is an overlay with components.
type choice struct {
	overlay    string
	components []string
}

func (c choice) String() string {
	return strings.Join(append([]string{c.overlay}, c.components...), "+")
}

// choices are all there are.
func choices(t *testing.T) []choice {
	t.Helper()
	var all []choice
	components := folders(t, "components")
	for _, overlay := range folders(t, "overlays") {
		for chosen := range 1 << len(components) {
			c := choice{overlay: overlay}
			for i, name := range components {
				if chosen&(1<<i) != 0 {
					c.components = append(c.components, name)
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// deploy is a copy of the folder in memory, where a test may break it.
func deploy(t *testing.T) filesys.FileSystem {
	t.Helper()
	memory := filesys.MakeFsInMemory()
	disk := os.DirFS(root)
	require.NoError(t, fs.WalkDir(disk, "deploy", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(disk, name)
		if err != nil {
			return err
		}
		return memory.WriteFile("/"+name, content)
	}))
	return memory
}

// build does what `kubectl kustomize` does with an overlay of a user's own that adds components to one of ours.
func build(fsys filesys.FileSystem, c choice) (manifests, error) {
	var own strings.Builder
	fmt.Fprintf(&own, "namespace: beckon\nresources: [../overlays/%s]\ncomponents:\n", c.overlay)
	for _, name := range c.components {
		fmt.Fprintf(&own, "  - ../components/%s\n", name)
	}
	return kustomize(fsys, own.String())
}

// kustomize builds an overlay that stands beside ours.
func kustomize(fsys filesys.FileSystem, own string) (manifests, error) {
	if err := fsys.WriteFile("/deploy/own/kustomization.yaml", []byte(own)); err != nil {
		return nil, err
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fsys, "/deploy/own")
	if err != nil {
		return nil, err
	}
	var all manifests
	for _, r := range built.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			return nil, err
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			return nil, err
		}
		all = append(all, object{value})
	}
	return all, nil
}

// manifests are what would be applied.
type manifests []object

// kind gives the objects of a kind.
func (m manifests) kind(kind string) []object {
	var all []object
	for _, o := range m {
		if o.text("kind") == kind {
			all = append(all, o)
		}
	}
	return all
}

// named finds an object; one without any fields if there is none.
func (m manifests) named(kind, name string) object {
	for _, o := range m.kind(kind) {
		if o.text("metadata.name") == name {
			return o
		}
	}
	return object{}
}

// deployment is the one of the relay.
func (m manifests) deployment() object { return m.named("Deployment", "beckon") }

// container is the only one of its pods.
func (m manifests) container() object { return m.deployment().get("spec.template.spec.containers.0") }

// object is a value of JSON: what is not there is nil.
type object struct{ value any }

// get follows a path such as "spec.ports.0.name".
func (o object) get(way string) object {
	for part := range strings.SplitSeq(way, ".") {
		switch v := o.value.(type) {
		case map[string]any:
			o = object{v[part]}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(v) {
				return object{}
			}
			o = object{v[i]}
		default:
			return object{}
		}
	}
	return o
}

// text is a value as it is written; "" for none.
func (o object) text(way string) string {
	v := o.get(way).value
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// list is what stands in a list.
func (o object) list(way string) []object {
	values, _ := o.get(way).value.([]any)
	var all []object
	for _, v := range values {
		all = append(all, object{v})
	}
	return all
}

// fields are a map's; the texts of its values are enough.
func (o object) fields(way string) map[string]string {
	values, _ := o.get(way).value.(map[string]any)
	all := map[string]string{}
	for name, v := range values {
		all[name] = fmt.Sprint(v)
	}
	return all
}

// called finds the one in a list that has a name.
func (o object) called(way, name string) object {
	for _, entry := range o.list(way) {
		if entry.text("name") == name {
			return entry
		}
	}
	return object{}
}

func (o object) there() bool { return o.value != nil }

// String names it in findings.
func (o object) String() string { return o.text("kind") + " " + o.text("metadata.name") }
