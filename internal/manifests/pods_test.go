//go:build !race

package manifests

import (
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/beckon-relay/beckon/internal/config"
)

// musts are what a field has to say, in the Deployment.
var musts = map[string]string{
	"automountServiceAccountToken":                 "false",
	"enableServiceLinks":                           "false",
	"serviceAccountName":                           "beckon",
	"terminationGracePeriodSeconds":                "60",
	"hostNetwork":                                  "",
	"hostPID":                                      "",
	"hostIPC":                                      "",
	"initContainers":                               "",
	"securityContext.runAsNonRoot":                 "true",
	"securityContext.runAsUser":                    "65532",
	"securityContext.runAsGroup":                   "65532",
	"securityContext.fsGroup":                      "65532",
	"securityContext.fsGroupChangePolicy":          "OnRootMismatch",
	"securityContext.seccompProfile.type":          "RuntimeDefault",
	"containers.1":                                 "",
	"containers.0.name":                            "beckon",
	"containers.0.lifecycle.preStop.sleep.seconds": "5",
	"containers.0.securityContext.allowPrivilegeEscalation": "false",
	"containers.0.securityContext.readOnlyRootFilesystem":   "true",
	"containers.0.securityContext.capabilities":             "map[drop:[ALL]]",
	"containers.0.securityContext.privileged":               "",
	"containers.0.securityContext.runAsUser":                "",
	"containers.0.startupProbe.httpGet":                     "map[path:/readyz port:admin]",
	"containers.0.readinessProbe.httpGet":                   "map[path:/readyz port:admin]",
	"containers.0.livenessProbe.httpGet":                    "map[path:/livez port:admin]",
	"containers.0.resources.limits.cpu":                     "",
}

// hardened: what a pod may do, how it is asked, how it ends.
func hardened(m manifests) []string {
	var faults []string
	pod := m.deployment().get("spec.template.spec")
	for field, want := range musts {
		if got := pod.text(field); got != want {
			faults = append(faults, fmt.Sprintf("the pod's %s is %q, not %q", field, got, want))
		}
	}
	for _, needed := range []string{"resources.requests.cpu", "resources.requests.memory", "resources.limits.memory"} {
		if m.container().text(needed) == "" {
			faults = append(faults, "the container has no "+needed)
		}
	}
	for _, list := range []string{"ports", "env"} {
		faults = append(faults, twice(m.container(), list, "name")...)
	}
	return append(faults, memory(m.container())...)
}

// memory: what is asked for, where Go begins to save, and where the kernel kills, in this order.
func memory(container object) []string {
	var read [3]int
	for i, amount := range []struct{ text, unit string }{
		{container.text("resources.requests.memory"), "Mi"},
		{container.called("env", "GOMEMLIMIT").text("value"), "MiB"},
		{container.text("resources.limits.memory"), "Mi"},
	} {
		var err error
		if read[i], err = strconv.Atoi(strings.TrimSuffix(amount.text, amount.unit)); err != nil {
			return []string{fmt.Sprintf("an amount of memory, %q, is not in %s", amount.text, amount.unit)}
		}
	}
	if asked, soft, limit := read[0], read[1], read[2]; asked > soft || soft*100 < limit*87 || soft*100 > limit*93 {
		return []string{fmt.Sprintf("GOMEMLIMIT of %d MiB is not nine tenths of %d Mi, or less than the %d Mi asked for", soft, limit, asked)}
	}
	return nil
}

// pinned: which image.
func pinned(m manifests) []string {
	image := m.container().text("image")
	if !regexp.MustCompile(`^[a-z0-9.-]+\.[a-z]+/[a-z0-9/-]+:v\d+\.\d+\.\d+$`).MatchString(image) {
		return []string{fmt.Sprintf("the image %q has no registry, or no tag that is a version", image)}
	}
	return nil
}

// mounted: rules and secrets are folders, and what is mounted is there.
func mounted(m manifests) []string {
	var faults []string
	pod := m.deployment().get("spec.template.spec")
	want := map[string]string{
		"rules":      "configMap.name=beckon-rules",
		"secrets":    "secret.secretName=beckon-secrets",
		"recipients": "secret.secretName=beckon-recipients",
	}
	for name, source := range want {
		way, value, _ := strings.Cut(source, "=")
		mount := m.container().called("volumeMounts", name)
		if got := pod.called("volumes", name).text(way); got != value || mount.text("mountPath") != "/etc/beckon/"+name {
			faults = append(faults, fmt.Sprintf("%s is not %s at /etc/beckon/%s", name, value, name))
		}
	}
	for _, mount := range m.container().list("volumeMounts") {
		if mount.get("subPath").there() || mount.get("subPathExpr").there() {
			faults = append(faults, mount.text("name")+" is mounted by subPath, and would never change")
		}
		if !pod.called("volumes", mount.text("name")).there() {
			faults = append(faults, "there is no volume "+mount.text("name"))
		}
		if mount.text("name") != "data" && mount.text("readOnly") != "true" {
			faults = append(faults, mount.text("name")+" is not mounted read-only")
		}
	}
	for _, volume := range pod.list("volumes") {
		claim := volume.text("persistentVolumeClaim.claimName")
		if claim != "" && !m.named("PersistentVolumeClaim", claim).there() {
			faults = append(faults, "there is no claim "+claim)
		}
		if volume.get("secret").there() && volume.text("secret.defaultMode") != "288" {
			faults = append(faults, volume.text("name")+" has not the mode 0440")
		}
		if volume.get("hostPath").there() {
			faults = append(faults, volume.text("name")+" is a folder of the node")
		}
	}
	if pod.called("volumes", "recipients").text("secret.optional") != "true" {
		faults = append(faults, "recipients is not optional")
	}
	return faults
}

// twice: entries of a list that a field tells apart.
func twice(o object, list, field string) []string {
	var faults, seen []string
	for _, entry := range o.list(list) {
		value := entry.text(field)
		if slices.Contains(seen, value) {
			faults = append(faults, fmt.Sprintf("two of %s have the %s %s", list, field, value))
		}
		seen = append(seen, value)
	}
	return faults
}

// alone is how SQLite is run: one process has its file.
var alone = map[string]string{
	"replicas": "1", "strategy": "map[type:Recreate]", "scaled": "false", "budget": "false", "volume": "/data",
	"access": "[ReadWriteOncePod]", "spread": "",
}

// many is how PostgreSQL is.
var many = map[string]string{
	"replicas": "", "strategy": "map[rollingUpdate:map[maxSurge:1 maxUnavailable:0] type:RollingUpdate]", "scaled": "true",
	"budget": "true", "volume": "", "access": "", "spread": "[pod-template-hash] ScheduleAnyway",
	"target": "map[apiVersion:apps/v1 kind:Deployment name:beckon]", "least": "2", "most": "10", "calm": "300",
	"away": "1", "unhealthy": "AlwaysAllow",
}

// counted: how many pods there are, and how one follows the other.
func counted(m manifests) []string {
	d := m.deployment()
	scaler, budget := m.named("HorizontalPodAutoscaler", "beckon"), m.named("PodDisruptionBudget", "beckon")
	want := many
	if len(m.kind("PersistentVolumeClaim")) > 0 {
		want = alone
	}
	spread := ""
	for _, s := range d.list("spec.template.spec.topologySpreadConstraints") {
		spread = s.text("matchLabelKeys") + " " + s.text("whenUnsatisfiable")
	}
	got := map[string]string{
		"replicas": d.text("spec.replicas"), "strategy": d.text("spec.strategy"),
		"scaled": strconv.FormatBool(scaler.there()), "budget": strconv.FormatBool(budget.there()), "spread": spread,
		"volume": m.container().called("volumeMounts", "data").text("mountPath"),
		"access": m.named("PersistentVolumeClaim", "beckon-data").text("spec.accessModes"),
		"target": scaler.text("spec.scaleTargetRef"), "least": scaler.text("spec.minReplicas"), "most": scaler.text("spec.maxReplicas"),
		"calm": scaler.text("spec.behavior.scaleDown.stabilizationWindowSeconds"),
		"away": budget.text("spec.maxUnavailable"), "unhealthy": budget.text("spec.unhealthyPodEvictionPolicy"),
	}
	var faults []string
	for what, is := range got {
		if is != want[what] {
			faults = append(faults, fmt.Sprintf("%s is %q, not %q", what, is, want[what]))
		}
	}
	return faults
}

// secretsAt is where the Secret is mounted.
const secretsAt = "/etc/beckon/secrets/" //nolint:gosec // a folder

// configured: settings are those that the relay knows, go together, and hold no secret.
func configured(m manifests) []string {
	var faults []string
	given := map[string]string{}
	for _, from := range m.container().list("envFrom") {
		name := from.text("configMapRef.name")
		settings := m.named("ConfigMap", name)
		if !regexp.MustCompile(`^beckon-settings-[a-z0-9]{10}$`).MatchString(name) || !settings.there() {
			faults = append(faults, fmt.Sprintf("the settings %q have no hash in their name, or are not there", name))
		}
		maps.Copy(given, settings.fields("data"))
	}
	for _, variable := range m.container().list("env") {
		if name := variable.text("name"); name != "GOMEMLIMIT" {
			faults = append(faults, "the setting "+name+" stands in the Deployment")
		}
	}
	for name, value := range given {
		faults = append(faults, setting(name, value)...)
	}
	return append(faults, loaded(m, given)...)
}

// setting checks one.
func setting(name, value string) []string {
	all := config.Settings()
	base, isFile := strings.CutSuffix(name, "_FILE")
	i := slices.IndexFunc(all, func(s config.Setting) bool { return s.Name == name })
	if i < 0 && isFile {
		i = slices.IndexFunc(all, func(s config.Setting) bool { return s.Name == base && s.Secret })
	}
	if i < 0 {
		return []string{name + " is not a setting"}
	}
	if !all[i].Secret {
		return nil
	}
	if name != all[i].Name {
		if want := secretsAt + key(all[i].Name); value != want {
			return []string{fmt.Sprintf("%s is %s, not %s", name, value, want)}
		}
		return nil
	}
	if value != "" && !strings.HasPrefix(value, "sqlite:/") { // a path is none
		return []string{name + " is a secret, and stands in a ConfigMap"}
	}
	return nil
}

// key is what a secret is called in the Secret: without BECKON_, which all of ours begin with.
func key(setting string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(setting, "BECKON_")), "_", "-")
}

// kept is what the Secret might hold.
var kept = map[string]string{ //nolint:gosec // nobody's
	"webhook-users": "cometchat:one-password",
	"console-users": "ann:another-password",
	"secret-key":    "0123456789abcdef0123456789abcdef",
	"database-url":  "postgres://beckon:secret@db/beckon?sslmode=verify-full",
}

// loaded reads the settings as the relay does, on top of what the image says.
func loaded(m manifests, given map[string]string) []string {
	dockerfile, err := os.ReadFile(path.Join(root, "Dockerfile"))
	if err != nil {
		return []string{err.Error()}
	}
	image := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^(?:ENV|   ) (BECKON_\w+)=(\S+)`).FindAllStringSubmatch(string(dockerfile), -1) {
		image[found[1]] = found[2]
	}
	lookup := func(name string) (string, bool) {
		if value, ok := given[name]; ok {
			return value, true
		}
		return image[name], image[name] != ""
	}
	c, err := config.Load(lookup, func(file string) ([]byte, error) {
		if value, ok := kept[strings.TrimPrefix(file, secretsAt)]; ok {
			return []byte(value), nil
		}
		return nil, os.ErrNotExist
	})
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	ports := map[string]string{"http": c.Listen, "admin": c.AdminListen}
	for name, listen := range ports {
		if got := ":" + m.container().called("ports", name).text("containerPort"); got != listen {
			faults = append(faults, fmt.Sprintf("the port %s is %s, and the relay listens at %s", name, got, listen))
		}
	}
	got := map[string]string{"rules": c.Rules, "templates": c.Templates, "SQLite": c.DatabaseFile, "PostgreSQL": c.DatabaseURL.Reveal()}
	want := map[string]string{"rules": "/etc/beckon/rules/rules.yaml", "templates": "/etc/beckon/rules"}
	if len(m.kind("PersistentVolumeClaim")) > 0 {
		want["SQLite"] = "/data/beckon.db"
	} else {
		want["PostgreSQL"] = kept["database-url"]
	}
	for what, is := range got {
		if is != want[what] {
			faults = append(faults, fmt.Sprintf("%s at %q, not %q", what, is, want[what]))
		}
	}
	if len(c.WebhookUsers) == 0 || len(c.ConsoleUsers) == 0 || len(c.SecretKeys) == 0 {
		faults = append(faults, "somebody who may post, somebody who may act and a key that signs are needed everywhere")
	}
	return faults
}
