//go:build !race

package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// choicesOf are the values of fields that the schemas of Kubernetes leave open, in those of its types that our manifests use.
var choicesOf = map[string][]any{
	"core.v1.Container.imagePullPolicy":                            {"Always", "IfNotPresent", "Never"},
	"core.v1.ContainerPort.protocol":                               {"TCP", "UDP", "SCTP"},
	"core.v1.ServicePort.protocol":                                 {"TCP", "UDP", "SCTP"},
	"core.v1.ServiceSpec.type":                                     {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"},
	"core.v1.HTTPGetAction.scheme":                                 {"HTTP", "HTTPS"},
	"core.v1.PodSecurityContext.fsGroupChangePolicy":               {"OnRootMismatch", "Always"},
	"core.v1.SeccompProfile.type":                                  {"RuntimeDefault", "Localhost", "Unconfined"},
	"core.v1.TopologySpreadConstraint.whenUnsatisfiable":           {"ScheduleAnyway", "DoNotSchedule"},
	"core.v1.PodSpec.restartPolicy":                                {"Always"},
	"apps.v1.DeploymentStrategy.type":                              {"Recreate", "RollingUpdate"},
	"autoscaling.v2.MetricSpec.type":                               {"ContainerResource", "External", "Object", "Pods", "Resource"},
	"autoscaling.v2.MetricTarget.type":                             {"AverageValue", "Utilization", "Value"},
	"autoscaling.v2.HPAScalingPolicy.type":                         {"Percent", "Pods"},
	"networking.v1.HTTPIngressPath.pathType":                       {"Exact", "ImplementationSpecific", "Prefix"},
	"networking.v1.NetworkPolicyPort.protocol":                     {"TCP", "UDP", "SCTP"},
	"policy.v1.PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy": {"AlwaysAllow", "IfHealthyBudget"},
}

// listsOf are such fields that are lists.
var listsOf = map[string][]any{
	"core.v1.PersistentVolumeClaimSpec.accessModes": {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"},
	"networking.v1.NetworkPolicySpec.policyTypes":   {"Egress", "Ingress"},
}

// quantity is how an amount is written, which the schemas tell in prose: above zero, since none of ours may be less.
const quantity = `^(0\.)?[1-9][0-9]*([numkMGTPE]|[KMGTPE]i)?$`

// schemas say which fields a kind has.
type schemas struct {
	kinds map[string]*jsonschema.Schema // "apps/v1 Deployment"
	meta  *jsonschema.Schema
}

// known reads them once.
var known = sync.OnceValues(readSchemas)

// readSchemas takes what `.ci/need schemas` has put into .cache.
func readSchemas() (*schemas, error) {
	disk := os.DirFS(path.Join(root, ".cache/schemas"))
	names, err := fs.Glob(disk, "*.*")
	if len(names) == 0 || err != nil {
		return nil, errors.Join(errors.New("the schemas of Kubernetes are missing; .ci/need schemas fetches them"), err)
	}
	all := &schemas{kinds: map[string]*jsonschema.Schema{}}
	compiler := jsonschema.NewCompiler()
	places := map[string]string{}
	for _, name := range names {
		content, err := fs.ReadFile(disk, name)
		if err != nil {
			return nil, err
		}
		document, found, err := prepare(name, content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := compiler.AddResource("mem:///"+name, document); err != nil {
			return nil, err
		}
		for kind, pointer := range found {
			places[kind] = "mem:///" + name + "#" + pointer
		}
	}
	for kind, place := range places {
		if all.kinds[kind], err = compiler.Compile(place); err != nil {
			return nil, err
		}
	}
	all.meta, err = compiler.Compile("mem:///api__v1_openapi.json#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
	return all, err
}

// prepare makes a document strict, and says where in it which kind stands.
func prepare(name string, content []byte) (document any, kinds map[string]string, err error) {
	if path.Ext(name) == ".json" {
		return prepareOpenAPI(content)
	}
	return prepareDefinition(content)
}

func prepareOpenAPI(content []byte) (document any, kinds map[string]string, err error) {
	var doc map[string]any
	if err := json.Unmarshal(content, &doc); err != nil {
		return nil, nil, err
	}
	types, _ := object{doc}.get("components.schemas").value.(map[string]any)
	if amount, ok := types["io.k8s.apimachinery.pkg.api.resource.Quantity"].(map[string]any); ok {
		amount["pattern"] = quantity
	}
	kinds = map[string]string{}
	for name, value := range types {
		schema, _ := value.(map[string]any)
		strict(schema)
		short := strings.TrimPrefix(name, "io.k8s.api.")
		for field, value := range (object{schema}).properties() {
			if of := choicesOf[short+"."+field]; of != nil {
				value["enum"] = of
			}
			if of := listsOf[short+"."+field]; of != nil {
				value["items"] = map[string]any{"enum": of}
			}
		}
		for _, is := range (object{schema}).list("x-kubernetes-group-version-kind") {
			if strings.HasPrefix(name, "io.k8s.api.") {
				kinds[kindOf(is.text("group"), is.text("version"), is.text("kind"))] = "/components/schemas/" + name
			}
		}
	}
	return doc, kinds, nil
}

// prepareDefinition reads a CustomResourceDefinition.
func prepareDefinition(content []byte) (document any, kinds map[string]string, err error) {
	var read any
	if err := yaml.Unmarshal(content, &read); err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(read) // numbers and keys as JSON has them
	if err != nil {
		return nil, nil, err
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, nil, err
	}
	kinds = map[string]string{}
	for i, version := range (object{doc}).list("spec.versions") {
		schema, _ := version.get("schema.openAPIV3Schema").value.(map[string]any)
		strict(schema)
		kind := kindOf(object{doc}.text("spec.group"), version.text("name"), object{doc}.text("spec.names.kind"))
		kinds[kind] = fmt.Sprintf("/spec/versions/%d/schema/openAPIV3Schema", i)
	}
	return doc, kinds, nil
}

func kindOf(group, version, kind string) string {
	if group == "" {
		return version + " " + kind
	}
	return group + "/" + version + " " + kind
}

// properties are the schemas of an object's fields.
func (o object) properties() map[string]map[string]any {
	values, _ := o.get("properties").value.(map[string]any)
	all := map[string]map[string]any{}
	for name, v := range values {
		all[name], _ = v.(map[string]any)
	}
	return all
}

// strict allows no other field than those that are named, as the API server does when it is asked to.
func strict(schema map[string]any) {
	fields := object{schema}.properties()
	_, open := schema["additionalProperties"]
	if len(fields) > 0 && !open && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	for _, field := range fields {
		strict(field)
	}
	for _, below := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[below].(map[string]any); ok {
			strict(inner)
		}
	}
}

// check holds an object against the schema of its kind.
func (s *schemas) check(o object) []string {
	kind := o.text("apiVersion") + " " + o.text("kind")
	schema, ok := s.kinds[kind]
	if !ok {
		return []string{"no schema for " + kind}
	}
	var faults []string
	for what, err := range map[string]error{"": schema.Validate(o.value), ".metadata": s.meta.Validate(o.get("metadata").value)} {
		if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
			faults = append(faults, leaves(fmt.Sprintf("%s%s", o, what), invalid)...)
		} else if err != nil {
			faults = append(faults, err.Error())
		}
	}
	return faults
}

// leaves are what is wrong in the end, without the ways that lead there.
func leaves(at string, e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		return []string{fmt.Sprintf("%s: %s: %s", at, strings.Join(e.InstanceLocation, "."), strings.Join(e.ErrorKind.KeywordPath(), ".")+" "+e.Error())}
	}
	var all []string
	for _, cause := range e.Causes {
		all = append(all, leaves(at, cause)...)
	}
	return all
}

// TestNamesOfFieldsWithChoicesAreRight, since a misspelt one would check nothing.
func TestNamesOfFieldsWithChoicesAreRight(t *testing.T) {
	t.Parallel()
	all := map[string]bool{}
	for _, name := range []string{
		"api__v1", "apis__apps__v1", "apis__autoscaling__v2", "apis__networking.k8s.io__v1", "apis__policy__v1",
	} {
		content, err := os.ReadFile(path.Join(root, ".cache/schemas", name+"_openapi.json"))
		require.NoError(t, err, ".ci/need schemas fetches them")
		var doc map[string]any
		require.NoError(t, json.Unmarshal(content, &doc))
		types, _ := object{doc}.get("components.schemas").value.(map[string]any)
		for of, schema := range types {
			for field := range (object{schema}).properties() {
				all[strings.TrimPrefix(of, "io.k8s.api.")+"."+field] = true
			}
		}
	}
	for _, table := range []map[string][]any{choicesOf, listsOf} {
		for name := range table {
			require.Contains(t, all, name)
		}
	}
}
