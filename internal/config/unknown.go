package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// prefix is what our own variables begin with; the vendors' ones are shared with other programs.
const prefix = "BECKON_"

// Unknown finds variables that look like settings of ours and are none, in a list of "name=value" as os.Environ
// gives it: one sentence for each, sorted, without values.
func Unknown(environ []string) []string {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Name)
		if s.Secret {
			names = append(names, s.Name+"_FILE")
		}
	}
	var found []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(names, name) || fromKubernetes(name) {
			continue
		}
		found = append(found, fmt.Sprintf("%s is not a setting%s", name, suggest(name, names)))
	}
	slices.Sort(found)
	return found
}

// fromKubernetes recognises what the kubelet sets for a Service that is named beckon.
func fromKubernetes(name string) bool {
	return strings.HasPrefix(name, "BECKON_SERVICE_") || name == "BECKON_PORT" || strings.HasPrefix(name, "BECKON_PORT_")
}

// suggest names the setting that was probably meant.
func suggest(name string, names []string) string {
	best, distance := "", 4
	for _, candidate := range names {
		if d := levenshtein.ComputeDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
