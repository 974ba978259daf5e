//go:build !race

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRulesReachPodsThatRunAndSettingsStartNewOnes: the pods' template stays as it is when rules change, and changes with settings.
func TestRulesReachPodsThatRunAndSettingsStartNewOnes(t *testing.T) {
	t.Parallel()
	for _, overlay := range folders(t, "overlays") {
		before, err := build(deploy(t), choice{overlay: overlay})
		require.NoError(t, err)

		fsys := deploy(t)
		require.NoError(t, fsys.WriteFile("/deploy/base/rules/rules.yaml", []byte("version: 1\nrules: []\n")))
		after, err := build(fsys, choice{overlay: overlay})
		require.NoError(t, err)
		require.NotEqual(t, before.named("ConfigMap", "beckon-rules"), after.named("ConfigMap", "beckon-rules"))
		require.Equal(t, before.deployment(), after.deployment())

		settings, err := fsys.ReadFile("/deploy/base/settings.env")
		require.NoError(t, err)
		require.NoError(t, fsys.WriteFile("/deploy/base/settings.env", append(settings, "BECKON_KEEP=wanted\n"...)))
		after, err = build(fsys, choice{overlay: overlay})
		require.NoError(t, err)
		require.NotEqual(t, before.deployment().get("spec.template"), after.deployment().get("spec.template"))
	}
}

// TestAnOverlayOfOnesOwnChangesWhatDiffersAndKeepsTheRest: another namespace, image, host, disk, settings and rules.
func TestAnOverlayOfOnesOwnChangesWhatDiffersAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	fsys := deploy(t)
	require.NoError(t, fsys.WriteFile("/deploy/own/rules.yaml", []byte("version: 1\nrules: []\n")))
	m, err := kustomize(fsys, `
namespace: chat
resources: [../overlays/default]
components: [../components/gateway]
images:
  - { name: registry.example.com/beckon, newName: registry.acme.example/beckon, newTag: v1.2.3 }
configMapGenerator:
  - { name: beckon-settings, behavior: merge, literals: [BECKON_KEEP=wanted] }
  - { name: beckon-rules, behavior: replace, files: [rules.yaml] }
patches:
  - target: { kind: HTTPRoute, name: beckon }
    patch: |
      - { op: replace, path: /spec/hostnames, value: [beckon.acme.example] }
  - patch: |
      apiVersion: v1
      kind: PersistentVolumeClaim
      metadata: { name: beckon-data }
      spec: { storageClassName: fast }
`)
	require.NoError(t, err)
	all, err := known()
	require.NoError(t, err)
	for _, o := range m {
		require.Empty(t, all.check(o))
		if o.text("kind") != "Namespace" {
			require.Equal(t, "chat", o.text("metadata.namespace"), o)
		}
	}
	require.Equal(t, "restricted", m.named("Namespace", "chat").fields("metadata.labels")["pod-security.kubernetes.io/enforce"])
	require.Equal(t, "registry.acme.example/beckon:v1.2.3", m.container().text("image"))
	require.Equal(t, "[beckon.acme.example]", m.named("HTTPRoute", "beckon").text("spec.hostnames"))
	require.Equal(t, "fast", m.named("PersistentVolumeClaim", "beckon-data").text("spec.storageClassName"))
	require.Equal(t, map[string]string{"rules.yaml": "version: 1\nrules: []\n"}, m.named("ConfigMap", "beckon-rules").fields("data"),
		"in the place of ours, with no hash")
	require.Empty(t, configured(m))
	settings := m.named("ConfigMap", m.container().text("envFrom.0.configMapRef.name")).fields("data")
	require.Equal(t, "wanted", settings["BECKON_KEEP"])
	require.Equal(t, ":8081", settings["BECKON_ADMIN_LISTEN"])
}
