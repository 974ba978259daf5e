// Package manifests holds the tests of deploy/: every overlay with every combination of components is built as `kubectl kustomize`
// builds it, held against the schemas of Kubernetes and of the kinds that others define, and against rules of our own.
//
// There is no code in it. `make k8s-check` runs it alone.
package manifests
