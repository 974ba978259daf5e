package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/rules"
)

// configMapFlags are what `beckon configmap` was called with.
type configMapFlags struct{ rules, templates, name, namespace, out string }

func configMapCommand() *cobra.Command {
	var f configMapFlags
	c := &cobra.Command{
		Use:   "configmap",
		Short: "Print rules and templates as a ConfigMap for Kubernetes",
		Long: `Print the rules (BECKON_RULES) and the templates (BECKON_TEMPLATES) as one ConfigMap, after the same checks as 'beckon check': a
relay that has it mounted as a folder takes both at once, without a restart. With findings that are errors nothing is printed.

A ConfigMap knows no folders, so templates/mention/de/sms.txt is mention__de__sms.txt there, which the relay reads as the same.`,
		Example: "  beckon configmap | kubectl apply -f -\n  beckon configmap --rules staging/rules.yaml --namespace staging | kubectl diff -f -\n" +
			"  beckon configmap --out deploy/rules",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringVar(&f.rules, "rules", "", "rules file (default: BECKON_RULES)")
	c.Flags().StringVar(&f.templates, "templates", "", "folder of templates (default: BECKON_TEMPLATES)")
	c.Flags().StringVar(&f.name, "name", "beckon-rules", "name of the ConfigMap")
	c.Flags().StringVar(&f.namespace, "namespace", "", "namespace of the ConfigMap (default: the one that kubectl is at)")
	c.Flags().StringVar(&f.out, "out", "", "write the files into this folder instead, for kustomize, and print their names")
	return c
}

func (f *configMapFlags) run(c *cobra.Command) error {
	m := app.ConfigMap{Name: f.name, Namespace: f.namespace}
	if err := m.Validate(); err != nil {
		return usageError{err}
	}
	if f.out != "" && (c.Flags().Changed("name") || c.Flags().Changed("namespace")) {
		return usageError{errors.New("--out writes files, which have neither --name nor --namespace")}
	}
	cfg, err := settings("BECKON_RULES", "BECKON_TEMPLATES", "BECKON_RETENTION", "BECKON_DIRECTORY")
	if err != nil {
		return err
	}
	cfg.Rules, cfg.Templates = cmp.Or(f.rules, cfg.Rules), cmp.Or(f.templates, cfg.Templates)
	checked, err := app.Check(cfg.Rules, cfg)
	if err != nil {
		return usageError{err}
	}
	rules.Write(c.ErrOrStderr(), checked.Findings)
	if slices.ContainsFunc(checked.Findings, func(f rules.Finding) bool { return f.Severity == rules.SeverityError }) {
		return errSaid
	}
	if m.Files, err = app.FlatFiles(checked.Generation); err != nil {
		return fmt.Errorf("make a ConfigMap: %w", err)
	}
	if f.out != "" {
		return f.write(c, cfg.Templates, m.Files)
	}
	return printConfigMap(c, m, checked.Generation)
}

func printConfigMap(c *cobra.Command, m app.ConfigMap, g *engine.Generation) error {
	text, err := m.YAML()
	if err != nil {
		return err
	}
	if m.OnlyServerSide() {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "it is too large for a plain kubectl apply: use kubectl apply --server-side")
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "ConfigMap %s: %d files, generation %s\n", m.Name, len(m.Files), g.Hash)
	if _, err := c.OutOrStdout().Write(text); err != nil {
		return fmt.Errorf("print the ConfigMap: %w", err)
	}
	return nil
}

func (f *configMapFlags) write(c *cobra.Command, templates string, flat map[string]string) error {
	removed, err := app.WriteFlat(f.out, templates, flat)
	if err != nil {
		return fmt.Errorf("write the files: %w", err)
	}
	for _, name := range removed {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "removed, since its template is no more:", name)
	}
	for _, name := range slices.Sorted(maps.Keys(flat)) {
		_, _ = fmt.Fprintln(c.OutOrStdout(), name)
	}
	return nil
}
