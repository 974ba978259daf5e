package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How changes are noticed. Editors and Kubernetes change several files at once, so a look follows the first change after a
// moment; the poll is for file systems that tell nothing.
const (
	watchDelay = 250 * time.Millisecond
	watchPoll  = 30 * time.Second
)

// watcher notices changes of files and folders.
type watcher struct {
	// paths are files, and folders with all below them.
	paths  []string
	logger *slog.Logger
	notify *fsnotify.Watcher
	// seen is what the paths looked like at the last look.
	seen string
}

// watch calls changed when a file among the paths or below them changed, until ctx ends. It watches the folders that hold
// them and never the files: a ConfigMap swap replaces a link, so that a watch of the file sees only the first change.
func watch(ctx context.Context, paths []string, logger *slog.Logger, changed func()) error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch for changes: %w", err)
	}
	defer notify.Close() //nolint:errcheck // nothing can be done about it, and nothing depends on it
	w := &watcher{paths: paths, logger: logger, notify: notify, seen: fingerprint(paths)}
	w.addFolders()
	return w.run(ctx, changed)
}

func (w *watcher) run(ctx context.Context, changed func()) error {
	poll := time.NewTicker(watchPoll)
	defer poll.Stop()
	var soon <-chan time.Time // nil while nothing has happened
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, ok := <-w.notify.Events:
			if !ok {
				return errors.New("watch for changes: the watcher stopped")
			}
			if soon == nil && w.matters(event.Name) {
				soon = time.After(watchDelay)
			}
			continue
		case err := <-w.notify.Errors:
			w.logger.WarnContext(ctx, "watching for changes failed; the poll goes on", "error", err)
			continue
		case <-soon:
			soon = nil
		case <-poll.C:
		}
		w.addFolders()
		if now := fingerprint(w.paths); now != w.seen {
			w.seen = now
			changed()
		}
	}
}

// matters tells our files from what else lies in their folders, such as the database. A ConfigMap's files change by
// their link "..data".
func (w *watcher) matters(name string) bool {
	if strings.HasPrefix(filepath.Base(name), "..") {
		return true
	}
	for _, path := range w.paths {
		if name == filepath.Clean(path) || strings.HasPrefix(name, filepath.Clean(path)+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// addFolders watches the folder of each path and every folder below it; those that are watched already do not matter.
func (w *watcher) addFolders() {
	for _, path := range w.paths {
		_ = w.notify.Add(filepath.Dir(path)) // a folder that is gone is seen by the poll
		walk(path, func(below string, info fs.FileInfo) {
			if info.IsDir() {
				_ = w.notify.Add(below)
			}
		})
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
