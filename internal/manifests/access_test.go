//go:build !race

package manifests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reachable: from outside by the public paths alone, and never the admin port.
func reachable(m manifests) []string {
	var faults []string
	for _, service := range m.kind("Service") {
		var ports []string
		for _, p := range service.list("spec.ports") {
			ports = append(ports, p.text("name")+">"+p.text("targetPort"))
		}
		want := map[string]string{"beckon": "[http>http]", "beckon-admin": "[admin>admin]"}[service.text("metadata.name")]
		if fmt.Sprint(ports) != want {
			faults = append(faults, fmt.Sprintf("%s has the ports %v, not %s", service, ports, want))
		}
		if is := service.text("spec.type"); is != "" && is != "ClusterIP" {
			faults = append(faults, fmt.Sprintf("%s is open to the outside, as a %s", service, is))
		}
	}
	port := m.named("Service", "beckon").text("spec.ports.0.port")
	for _, route := range m.kind("HTTPRoute") {
		for _, rule := range route.list("spec.rules") {
			faults = append(faults, public(route, paths(rule.list("matches"), "path.value", "path.type", "PathPrefix"))...)
			for _, backend := range rule.list("backendRefs") {
				faults = append(faults, leads(route, backend.text("name"), backend.text("port"), port)...)
			}
		}
	}
	for _, ingress := range m.kind("Ingress") {
		if ingress.get("spec.defaultBackend").there() {
			faults = append(faults, fmt.Sprintf("%s has a default backend", ingress))
		}
		for _, rule := range ingress.list("spec.rules") {
			all := rule.list("http.paths")
			faults = append(faults, public(ingress, paths(all, "path", "pathType", "Prefix"))...)
			for _, p := range all {
				faults = append(faults, leads(ingress, p.text("backend.service.name"), p.text("backend.service.port.name"), "http")...)
			}
			if hosts := ingress.text("spec.tls.0.hosts"); hosts != "["+rule.text("host")+"]" {
				faults = append(faults, fmt.Sprintf("%s has no certificate for %s", ingress, rule.text("host")))
			}
		}
	}
	return faults
}

// paths lists those of a route, each with what is odd about it.
func paths(of []object, value, kind, want string) []string {
	var all []string
	for _, p := range of {
		name := p.text(value)
		if got := p.text(kind); got != want {
			name += " " + got
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func public(route object, paths []string) []string {
	if want := []string{"/m/", "/u/", "/webhooks/"}; !slices.Equal(paths, want) {
		return []string{fmt.Sprintf("%s leads in by %q, not by %q", route, paths, want)}
	}
	return nil
}

func leads(route object, name, port, want string) []string {
	if name != "beckon" || port != want {
		return []string{fmt.Sprintf("%s leads to port %q of %q", route, port, name)}
	}
	return nil
}

// selected: what chooses pods chooses ours, by ports that they have.
func selected(m manifests) []string {
	var faults []string
	pod := m.deployment().fields("spec.template.metadata.labels")
	chosen := func(o object, way string) {
		labels := o.fields(way)
		if o.text("metadata.name") == "beckon-postgres" && pod["database"] == "" {
			delete(labels, "database") // pods of the other overlay are not meant
		}
		for name, value := range labels {
			if pod[name] != value {
				faults = append(faults, fmt.Sprintf("%s chooses pods by %s=%s, which ours have not", o, name, value))
			}
		}
		if len(labels) == 0 {
			faults = append(faults, fmt.Sprintf("%s chooses every pod, or none", o))
		}
	}
	ways := map[string]string{
		"Deployment": "spec.selector.matchLabels", "Service": "spec.selector", "PodDisruptionBudget": "spec.selector.matchLabels",
		"NetworkPolicy": "spec.podSelector.matchLabels", "PodMonitor": "spec.selector.matchLabels",
	}
	for _, o := range m {
		if way := ways[o.text("kind")]; way != "" {
			chosen(o, way)
		}
	}
	for _, spread := range m.deployment().list("spec.template.spec.topologySpreadConstraints") {
		chosen(object{map[string]any{"kind": "spread", "spec": spread.value}}, "spec.labelSelector.matchLabels")
	}
	for _, monitor := range m.kind("PodMonitor") {
		for _, endpoint := range monitor.list("spec.podMetricsEndpoints") {
			if got := endpoint.text("port") + endpoint.text("path"); got != "admin/metrics" {
				faults = append(faults, fmt.Sprintf("%s asks %s, not admin/metrics", monitor, got))
			}
		}
	}
	return faults
}

// walled: what the network policy lets in and out.
func walled(m manifests) []string {
	var faults []string
	for _, policy := range m.kind("NetworkPolicy") {
		for _, rule := range policy.list("spec.ingress") {
			for _, p := range rule.list("ports") {
				port := p.text("port")
				if !m.container().called("ports", port).there() {
					faults = append(faults, fmt.Sprintf("%s lets in to a port %q, which pods have not", policy, port))
				}
				if port == "admin" && !rule.get("from").there() {
					faults = append(faults, fmt.Sprintf("%s lets everybody in to the port admin", policy))
				}
			}
			if !rule.get("ports").there() {
				faults = append(faults, fmt.Sprintf("%s lets in to every port", policy))
			}
		}
		for _, rule := range policy.list("spec.egress") {
			if !rule.get("ports").there() {
				faults = append(faults, fmt.Sprintf("%s lets out to every port", policy))
			}
			for _, to := range rule.list("to") {
				cidr, without := to.text("ipBlock.cidr"), to.text("ipBlock.except.0")
				want := map[string]string{"0.0.0.0/0": "169.254.169.254/32", "::/0": "fd00:ec2::254/128"}[cidr]
				if without != want {
					faults = append(faults, fmt.Sprintf("%s lets out to %s without the exception %s", policy, cidr, want))
				}
			}
		}
	}
	if main := m.named("NetworkPolicy", "beckon"); main.there() && main.text("spec.policyTypes") != "[Ingress Egress]" {
		faults = append(faults, fmt.Sprintf("%s is not for both directions", main))
	}
	return faults
}

// most is what `kubectl apply` can keep of an object in an annotation, in bytes; past it, only `--server-side` applies it.
const most = 256 << 10

var (
	dnsName  = regexp.MustCompile(`^beckon(-[a-z0-9]+)*$`)
	portName = regexp.MustCompile(`^[a-z]([a-z-]{0,13}[a-z])?$`)
)

// named: one namespace, which enforces; names and labels by which all that is ours is found; no Secret.
func named(m manifests) []string {
	var faults []string
	for _, o := range m {
		kind, name := o.text("kind"), o.text("metadata.name")
		if kind == "Namespace" {
			continue
		}
		if o.text("metadata.namespace") != "beckon" {
			faults = append(faults, fmt.Sprintf("%s is not in the namespace", o))
		}
		if !dnsName.MatchString(name) || len(name) > 63 {
			faults = append(faults, fmt.Sprintf("%s is not a name of ours", o))
		}
		labels := o.fields("metadata.labels")
		if labels["app.kubernetes.io/name"] != "beckon" || labels["app.kubernetes.io/part-of"] != "beckon" {
			faults = append(faults, fmt.Sprintf("%s has not our labels", o))
		}
		if kind == "Secret" {
			faults = append(faults, fmt.Sprintf("%s: secrets do not belong into a file", o))
		}
	}
	if got := m.named("Namespace", "beckon").fields("metadata.labels")["pod-security.kubernetes.io/enforce"]; got != "restricted" {
		faults = append(faults, fmt.Sprintf("the namespace enforces %q, not restricted", got))
	}
	for _, p := range m.container().list("ports") {
		if !portName.MatchString(p.text("name")) {
			faults = append(faults, fmt.Sprintf("%q cannot be the name of a port", p.text("name")))
		}
	}
	return faults
}

// ruled: the rules are one ConfigMap whose name stays the same, or left out where they are applied otherwise.
func ruled(m manifests) []string {
	var faults []string
	for _, o := range m.kind("ConfigMap") {
		switch name := o.text("metadata.name"); {
		case name == "beckon-rules", name == "beckon-dashboard", strings.HasPrefix(name, "beckon-settings-"):
		default:
			faults = append(faults, fmt.Sprintf("%s is neither rules, settings nor the dashboard, or has a hash where it may have none", o))
		}
		size := 0
		for key, value := range o.fields("data") {
			size += len(key) + len(value) + len(value)/8 // what JSON escapes
		}
		if size > most {
			faults = append(faults, fmt.Sprintf("%s is too large for kubectl apply: %d bytes", o, size))
		}
	}
	return faults
}
