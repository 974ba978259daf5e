package app

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/store"
)

// The names in the archive of a generation, which is a zip file: what was loaded is kept with the events that it decided, so
// that they can be explained when the files have long changed.
const (
	archivedRules     = "rules.yaml"
	archivedTemplates = "templates"
	archivedAbout     = "about.json"
)

// about is what an archive says beside the files.
type about struct {
	// RulesFile is the name of the rules file when it was loaded, for findings.
	RulesFile string `json:"rules_file"`
	// HurryTo is as in Options.
	HurryTo time.Duration `json:"hurry_to,omitempty"`
}

// archive puts the files of a generation together.
func archive(g *engine.Generation, hurryTo time.Duration) ([]byte, error) {
	description, err := json.Marshal(about{RulesFile: g.Rules.File(), HurryTo: hurryTo})
	if err != nil {
		return nil, fmt.Errorf("archive rules and templates: %w", err)
	}
	contents := map[string]string{archivedRules: g.Rules.Text(), archivedAbout: string(description)}
	for name, content := range g.Templates.Files() {
		contents[path.Join(archivedTemplates, name)] = content
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		file, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(file, contents[name])
		}
		if err != nil {
			return nil, fmt.Errorf("archive %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("archive rules and templates: %w", err)
	}
	return out.Bytes(), nil
}

// unarchive loads a kept generation. It fails where this version of Beckon does not understand the files any more.
func unarchive(kept store.Generation) (*engine.Generation, error) {
	archived, err := zip.NewReader(bytes.NewReader(kept.Files), int64(len(kept.Files)))
	if err != nil {
		return nil, fmt.Errorf("read kept rules %s: %w", kept.Hash, err)
	}
	source, err := fs.ReadFile(archived, archivedRules)
	if err != nil {
		return nil, fmt.Errorf("read kept rules %s: %w", kept.Hash, err)
	}
	var said about
	description, err := fs.ReadFile(archived, archivedAbout)
	if err == nil {
		err = json.Unmarshal(description, &said)
	}
	if err != nil {
		return nil, fmt.Errorf("read kept rules %s: %w", kept.Hash, err)
	}
	folder, err := fs.Sub(archived, archivedTemplates)
	if err != nil {
		return nil, fmt.Errorf("read kept templates %s: %w", kept.Hash, err)
	}
	g, findings := assemble(files{said.RulesFile, source, folder, said.HurryTo})
	if g == nil {
		return nil, fmt.Errorf("kept rules %s are not sound any more: %w", kept.Hash, FindingsError(findings))
	}
	return g, nil
}

// keep writes the files of a generation down before anything is decided by it.
func (a *App) keep(ctx context.Context, g *engine.Generation) error {
	archived, err := archive(g, a.HurryTo)
	if err != nil {
		return err
	}
	if err := a.store.KeepGeneration(ctx, store.Generation{Hash: g.Hash, Files: archived, KeptAt: time.Now()}); err != nil {
		return fmt.Errorf("keep rules and templates: %w", err)
	}
	return nil
}

// GenerationOf gives the rules and templates that were in force when an event was kept.
func GenerationOf(ctx context.Context, s store.Store, hash string) (*engine.Generation, error) {
	kept, err := s.Generation(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("kept rules %s: %w", hash, err)
	}
	return unarchive(kept)
}
