//go:build !race

package manifests

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// broken is a mistake that somebody could make in a file of deploy/, and what has to be said of it.
type broken struct {
	in, replace, by string
	want            string
}

const (
	relayYAML   = "base/deployment.yaml"
	sqliteYAML  = "overlays/default/deployment.yaml"
	volumeYAML  = "overlays/default/volume.yaml"
	pgYAML      = "overlays/postgres/deployment.yaml"
	scalerYAML  = "overlays/postgres/autoscaler.yaml"
	budgetYAML  = "overlays/postgres/disruption.yaml"
	wallYAML    = "components/networkpolicy/networkpolicy.yaml"
	routeYAML   = "components/gateway/httproute.yaml"
	ingressYAML = "components/ingress/ingress.yaml"
	defaultYAML = "overlays/default/kustomization.yaml"
	pgTopYAML   = "overlays/postgres/kustomization.yaml"
	servicesYML = "base/service.yaml"
	settingsEnv = "base/settings.env"
)

// mistakes are one for each rule at the least, and those that schemas find.
var mistakes = []broken{
	// The schemas.
	{relayYAML, "readinessProbe:", "readynessProbe:", "'readynessProbe' not allowed"},
	{relayYAML, "metadata:\n  name: beckon\n", "metadata:\n  annotation: {}\n  name: beckon\n", "'annotation' not allowed"},
	{relayYAML, "containerPort: 8080", "containerPort: web", "got string, want integer"},
	{relayYAML, "periodSeconds: 2", "periodSeconds: 2s", "got string, want integer"},
	{relayYAML, "{ name: http, containerPort: 8080 }", "{ name: http }", "missing property 'containerPort'"},
	{relayYAML, "type: RuntimeDefault", "type: runtime/default", "value must be one of 'RuntimeDefault'"},
	{relayYAML, "OnRootMismatch", "OnRootMissmatch", "value must be one of 'OnRootMismatch'"},
	{scalerYAML, "apiVersion: autoscaling/v2\n", "apiVersion: autoscaling/v2beta2\n", "no schema for autoscaling/v2beta2 HorizontalPodAutoscaler"},
	{volumeYAML, "[ReadWriteOncePod]", "[ReadWriteOnePod]", "value must be one of 'ReadOnlyMany'"},
	{volumeYAML, "requests:", "request:", "'request' not allowed"},
	{scalerYAML, "averageUtilization: 75", "averageUtilisation: 75", "'averageUtilisation' not allowed"},
	{scalerYAML, "  maxReplicas: 10\n", "", "missing property 'maxReplicas'"},
	{budgetYAML, "AlwaysAllow", "Always", "value must be one of 'AlwaysAllow'"},
	{pgYAML, "ScheduleAnyway", "ScheduleAnyways", "value must be one of 'ScheduleAnyway'"},
	{wallYAML, "[Ingress, Egress]", "[Ingres, Egress]", "value must be one of 'Egress'"},
	{wallYAML, "podSelector:", "podSelecter:", "'podSelecter' not allowed"},
	{routeYAML, "backendRefs:", "backends:", "'backends' not allowed"},
	{routeYAML, "type: PathPrefix, value: /u/", "type: Prefix, value: /u/", "value must be one of 'Exact'"},
	{routeYAML, "name: gateway, namespace", "nam: gateway, namespace", "missing property 'name'"},
	{ingressYAML, "pathType: Prefix\n            backend: { service: { name: beckon, port: { name: http } } }\n          - path: /m/", "backend: { service: { name: beckon, port: { name: http } } }\n          - path: /m/", "missing property 'pathType'"},
	{"components/monitoring/podmonitor.yaml", "scrapeTimeout", "scrapeTimout", "'scrapeTimout' not allowed"},
	{"components/monitoring/podmonitor.yaml", "interval: 15s", "interval: 15 s", "does not match pattern"},
	{"components/monitoring/prometheusrule.yaml", "for: 10m", "four: 10m", "'four' not allowed"},

	// What a pod may do, how it is asked, how it ends.
	{relayYAML, "        runAsNonRoot: true\n", "", `securityContext.runAsNonRoot is ""`},
	{relayYAML, "runAsUser: 65532", "runAsUser: 0", `securityContext.runAsUser is "0"`},
	{relayYAML, "        seccompProfile: { type: RuntimeDefault }\n", "", `securityContext.seccompProfile.type is ""`},
	{relayYAML, "        fsGroup: 65532\n", "", `securityContext.fsGroup is ""`},
	{relayYAML, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", `readOnlyRootFilesystem is "false"`},
	{relayYAML, "drop: [ALL]", "drop: [NET_RAW]", "capabilities is"},
	{relayYAML, "drop: [ALL]", "drop: [ALL], add: [NET_BIND_SERVICE]", "capabilities is"},
	{relayYAML, "allowPrivilegeEscalation: false", "privileged: true", `privileged is "true"`},
	{relayYAML, "      automountServiceAccountToken: false\n", "", `automountServiceAccountToken is ""`},
	{relayYAML, "      enableServiceLinks: false\n", "", `enableServiceLinks is ""`},
	{relayYAML, "terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 30", `terminationGracePeriodSeconds is "30"`},
	{relayYAML, "seconds: 5", "seconds: 0", `preStop.sleep.seconds is "0"`},
	{relayYAML, "path: /livez", "path: /readyz", `livenessProbe.httpGet is "map[path:/readyz`},
	{relayYAML, "startupProbe:\n            httpGet: { path: /readyz, port: admin }", "startupProbe:\n            httpGet: { path: /readyz, port: http }", "startupProbe.httpGet is"},
	{relayYAML, "limits: { memory: 256Mi }", "limits: { memory: 256Mi, cpu: 1 }", `limits.cpu is "1"`},
	{relayYAML, "limits: { memory: 256Mi }", "limits: { memory: 512Mi }", "not nine tenths of 512 Mi"},
	{relayYAML, "memory: 128Mi", "memory: 512Mi", "or less than the 512 Mi asked for"},
	{relayYAML, "memory: 128Mi", "memory: 128Mb", `"128Mb", is not in Mi`},
	{relayYAML, "{ name: admin, containerPort: 8081 }", "{ name: admin, containerPort: 8081 }\n            - { name: admin, containerPort: 8082 }", "two of ports have the name admin"},
	{volumeYAML, "storage: 10Gi", "storage: 10GiB", "does not match pattern"},
	{volumeYAML, "storage: 10Gi", "storage: -1Gi", "does not match pattern"},
	{sqliteYAML, "mountPath: /data", "mountPath: /etc/beckon/rules", "rules is not beckon-rules at"},
	{relayYAML, "mountPath: /etc/beckon/recipients", "mountPath: /etc/beckon/rules", "recipients is not beckon-recipients at"},
	{relayYAML, "cpu: 50m, ", "", "no resources.requests.cpu"},
	{defaultYAML, "newTag: v0.1.0", "newTag: latest", "no tag that is a version"},
	{defaultYAML, "name: beckon, newName", "name: bekon, newName", `the image "beckon" has no registry`},

	// Files.
	{relayYAML, "mountPath: /etc/beckon/rules, readOnly: true", "mountPath: /etc/beckon/rules, subPath: rules.yaml, readOnly: true", "would never change"},
	{relayYAML, "mountPath: /etc/beckon/rules, readOnly: true", "mountPath: /etc/beckon/rule, readOnly: true", "rules is not beckon-rules at"},
	{relayYAML, "configMap: { name: beckon-rules }", "configMap: { name: beckon-rule }", "rules is not beckon-rules at"},
	{relayYAML, "defaultMode: 0440 }", "defaultMode: 0444 }", "secrets has not the mode 0440"},
	{relayYAML, "defaultMode: 0440, optional: true }", "defaultMode: 0440 }", "recipients is not optional"},
	{sqliteYAML, "claimName: beckon-data", "claimName: beckon", "there is no claim beckon"},
	{sqliteYAML, "- name: data\n          persistent", "- name: date\n          persistent", "there is no volume data"},
	{sqliteYAML, "persistentVolumeClaim: { claimName: beckon-data }", "hostPath: { path: /data }", "data is a folder of the node"},

	// How many.
	{sqliteYAML, "replicas: 1", "replicas: 2", `replicas is "2"`},
	{sqliteYAML, "  strategy: { type: Recreate }\n", "", `strategy is ""`},
	{volumeYAML, "ReadWriteOncePod", "ReadWriteMany", `access is "[ReadWriteMany]"`},
	{volumeYAML, "apiVersion: v1\n", "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: beckon }\n---\napiVersion: v1\n", `scaled is "true"`},
	{volumeYAML, "apiVersion: v1\n", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: beckon }\n---\napiVersion: v1\n", `budget is "true"`},
	{pgYAML, "spec:\n  strategy", "spec:\n  replicas: 3\n  strategy", `replicas is "3"`},
	{pgYAML, "maxUnavailable: 0", "maxUnavailable: 1", "maxUnavailable:1"},
	{pgYAML, "matchLabelKeys: [pod-template-hash]", "minDomains: 2", "spread is"},
	{scalerYAML, "stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 0", `calm is "0"`},
	{scalerYAML, "kind: Deployment, name: beckon", "kind: Deployment, name: becon", "target is"},
	{budgetYAML, "maxUnavailable: 1", "maxUnavailable: 0", `away is "0"`},
	{pgTopYAML, "  - disruption.yaml\n", "", `budget is "false"`},

	// Settings.
	{settingsEnv, "BECKON_RULES=", "BECKON_RULE=", "BECKON_RULE is not a setting"},
	{settingsEnv, "BECKON_WEBHOOK_USERS_FILE=/etc/beckon/secrets/webhook-users", "BECKON_WEBHOOK_USERS=cometchat:secret", "BECKON_WEBHOOK_USERS is a secret, and stands in a ConfigMap"},
	{settingsEnv, "BECKON_PROVIDERS=outbox", "TWILIO_AUTH_TOKEN=0123456789abcdef", "TWILIO_AUTH_TOKEN is a secret, and stands in a ConfigMap"},
	{settingsEnv, "secrets/console-users", "secrets/users", "BECKON_CONSOLE_USERS_FILE is /etc/beckon/secrets/users, not"},
	{settingsEnv, "BECKON_PROVIDERS=outbox", "SENDGRID_API_KEY_FILE=/etc/beckon/secrets/sendgrid-api-key", "SENDGRID_API_KEY: SENDGRID_API_KEY_FILE cannot be read"},
	{settingsEnv, "BECKON_PROVIDERS=outbox", "BECKON_PROVIDERS=nobody", "BECKON_PROVIDERS:"},
	{settingsEnv, "BECKON_PROVIDERS=outbox", "COMETCHAT_API_KEY_FILE=/etc/beckon/secrets/secret-key", "COMETCHAT_API_KEY_FILE is /etc/beckon/secrets/secret-key, not"},
	{settingsEnv, "BECKON_ADMIN_LISTEN=:8081", "BECKON_ADMIN_LISTEN=:8082", "the port admin is :8081, and the relay listens at :8082"},
	{settingsEnv, "BECKON_TEMPLATES=/etc/beckon/rules", "BECKON_TEMPLATES=/etc/beckon/templates", `templates at "/etc/beckon/templates"`},
	{settingsEnv, "BECKON_SECRET_KEY_FILE=/etc/beckon/secrets/secret-key\n", "", "a key that signs are needed"},
	{pgTopYAML, "      - BECKON_DATABASE_URL=\n", "", "BECKON_DATABASE_URL: set together with BECKON_DATABASE_URL_FILE"},
	{defaultYAML, "sqlite:/data/beckon.db", "sqlite:beckon.db", "BECKON_DATABASE_URL is a secret, and stands in a ConfigMap"},
	{defaultYAML, "sqlite:/data/beckon.db", "sqlite:/var/beckon.db", `SQLite at "/var/beckon.db", not "/data/beckon.db"`},
	{pgTopYAML, "BECKON_DATABASE_URL=\n", "BECKON_DATABASE_URL=postgres://a:b@c/d\n", "BECKON_DATABASE_URL is a secret, and stands in a ConfigMap"},
	{relayYAML, "{ name: GOMEMLIMIT, value: 230MiB }", "{ name: GOMEMLIMIT, value: 230MiB }\n            - { name: BECKON_KEEP, value: wanted }", "the setting BECKON_KEEP stands in the Deployment"},
	{"base/kustomization.yaml", "    options:\n", "    options:\n      disableNameSuffixHash: true\n", "have no hash in their name"},
	{"base/rules/kustomization.yaml", "disableNameSuffixHash: true", "disableNameSuffixHash: false", "has a hash where it may have none"},

	// Who gets in, and where to.
	{servicesYML, "{ name: http, port: 8080, targetPort: http,", "{ name: http, port: 8080, targetPort: admin,", "Service beckon has the ports [http>admin]"},
	{servicesYML, "spec:\n  selector: { app.kubernetes.io/name: beckon }\n  ports:\n    - { name: admin", "spec:\n  type: LoadBalancer\n  selector: { app.kubernetes.io/name: beckon }\n  ports:\n    - { name: admin", "open to the outside, as a LoadBalancer"},
	{servicesYML, "selector: { app.kubernetes.io/name: beckon }", "selector: { app: beckon }", "chooses pods by app=beckon"},
	{routeYAML, "name: beckon, port: 8080", "name: beckon-admin, port: 8081", `leads to port "8081" of "beckon-admin"`},
	{routeYAML, "name: beckon, port: 8080", "name: beckon, port: 8081", `leads to port "8081" of "beckon"`},
	{routeYAML, "value: /m/", "value: /", "leads in by"},
	{routeYAML, "        - path: { type: PathPrefix, value: /m/ }\n", "", "leads in by"},
	{ingressYAML, "path: /u/", "path: /console/", "leads in by"},
	{ingressYAML, "name: beckon, port: { name: http }", "name: beckon-admin, port: { name: admin }", `leads to port "admin" of "beckon-admin"`},
	{ingressYAML, "hosts: [beckon.example.com]", "hosts: [example.com]", "has no certificate for beckon.example.com"},
	{ingressYAML, "spec:\n", "spec:\n  defaultBackend: { service: { name: beckon-admin, port: { name: admin } } }\n", "has a default backend"},
	{wallYAML, "port: admin", "port: metrics", `a port "metrics", which pods have not`},
	{wallYAML, "    - from:\n        - namespaceSelector:\n            matchLabels: { kubernetes.io/metadata.name: monitoring }\n      ports:", "    - ports:", "lets everybody in to the port admin"},
	{wallYAML, ", except: [169.254.169.254/32]", "", "without the exception 169.254.169.254/32"},
	{wallYAML, "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "is not for both directions"},
	{wallYAML, "      ports:\n        - { port: 443, protocol: TCP }\n", "", "lets out to every port"},
	{"components/monitoring/podmonitor.yaml", "port: admin", "port: http", "asks http/metrics"},
	{budgetYAML, "matchLabels: { app.kubernetes.io/name: beckon }", "matchLabels: {}", "chooses every pod, or none"},

	// Names.
	{"overlays/default/namespace.yaml", "enforce: restricted", "enforce: baseline", `enforces "baseline"`},
	{servicesYML, "name: beckon-admin", "name: admin", "is not a name of ours"},
	{servicesYML, "labels: { app.kubernetes.io/name: beckon,", "labels: {", "has not our labels"},
	{relayYAML, "{ name: admin, containerPort: 8081 }", "{ name: administration-and-metrics, containerPort: 8081 }", "cannot be the name of a port"},
	{"base/serviceaccount.yaml", "apiVersion: v1\n", "apiVersion: v1\nkind: Secret\nmetadata: { name: beckon-secrets }\n---\napiVersion: v1\n", "secrets do not belong into a file"},
}

// where says which build has a file.
func where(file string) choice {
	c := choice{overlay: "default"}
	of := strings.Split(path.Dir(file), "/")
	switch of[0] {
	case "overlays":
		c.overlay = of[1]
	case "components":
		c.components = []string{of[1]}
	}
	return c
}

// TestMistakesAreFound: each in a copy of its own, and nothing but what it says is wrong with it before.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	for _, b := range mistakes {
		t.Run(b.in+" "+b.by, func(t *testing.T) {
			t.Parallel()
			fsys := deploy(t)
			source, err := fsys.ReadFile("/deploy/" + b.in)
			require.NoError(t, err)
			require.Contains(t, string(source), b.replace)
			require.NoError(t, fsys.WriteFile("/deploy/"+b.in, []byte(strings.Replace(string(source), b.replace, b.by, 1))))
			m, err := build(fsys, where(b.in))
			require.NoError(t, err)
			faults, err := m.faults()
			require.NoError(t, err)
			require.Contains(t, strings.Join(faults, "\n"), b.want)
		})
	}
}
