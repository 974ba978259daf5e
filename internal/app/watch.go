package app

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// watchEvery is how often it is looked whether files changed. The system could tell of changes, but only of all in a folder, and the
// database, which may lie beside the rules, changes at each webhook: to be told of that took 8 % of the processor time of accepting them. A look
// also sees what file systems over a network and the links of a ConfigMap tell nobody.
const watchEvery = 500 * time.Millisecond

// watch calls changed when a file among the paths or below them changed, until ctx ends. Editors and Kubernetes change several files at
// once, so it waits until two looks see the same.
func watch(ctx context.Context, paths []string, changed func()) {
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	known := fingerprint(paths)
	for before := known; ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		now := fingerprint(paths)
		if now == before && now != known {
			known = now
			changed()
		}
		before = now
	}
}

// fingerprint changes when a file does: its name, size or time.
func fingerprint(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		walk(path, func(below string, info fs.FileInfo) {
			if !info.IsDir() {
				_, _ = fmt.Fprintf(&b, "%s %d %d\n", below, info.Size(), info.ModTime().UnixNano())
			}
		})
	}
	return b.String()
}

// maxDepth bounds how deep links are followed: a link to a folder above would never end.
const maxDepth = 8

// walk visits a path and what is below it, through links, since a ConfigMap is made of them.
func walk(path string, visit func(string, fs.FileInfo)) { walkBelow(path, maxDepth, visit) }

func walkBelow(path string, depth int, visit func(string, fs.FileInfo)) {
	info, err := os.Stat(path)
	if err != nil || depth == 0 {
		return // gone meanwhile: that is a change too
	}
	visit(path, info)
	if !info.IsDir() {
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			walkBelow(filepath.Join(path, entry.Name()), depth-1, visit)
		}
	}
}
