package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How changes are noticed. Editors and Kubernetes change several files at once, so the watch waits until it is quiet; the poll
// is for file systems that tell nothing.
const (
	watchQuiet = 250 * time.Millisecond
	watchPoll  = 30 * time.Second
)

// watch calls changed when something below the given files and folders may have changed, until ctx ends. It watches the folders
// that hold them and never the files: a ConfigMap swap replaces a link, so that a watch of the file sees only the first change.
func watch(ctx context.Context, paths []string, logger *slog.Logger, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch for changes: %w", err)
	}
	defer watcher.Close() //nolint:errcheck // nothing can be done about it, and nothing depends on it
	addFolders(watcher, paths)
	quiet := time.NewTimer(watchPoll)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watcher.Events:
			if !ok {
				return errors.New("watch for changes: the watcher stopped")
			}
			quiet.Reset(watchQuiet)
		case err := <-watcher.Errors:
			logger.WarnContext(ctx, "watching for changes failed; the poll goes on", "error", err)
		case <-quiet.C:
			addFolders(watcher, paths)
			changed()
			quiet.Reset(watchPoll)
		}
	}
}

// addFolders adds the folder of each file and every folder below a folder; those that are there already do not matter.
func addFolders(watcher *fsnotify.Watcher, paths []string) {
	folders := make([]string, 0, len(paths))
	for _, path := range paths {
		folders = append(folders, filepath.Dir(path))
		_ = filepath.WalkDir(path, func(below string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // gone meanwhile: the next round sees it
			}
			if entry.IsDir() {
				folders = append(folders, below)
			}
			return nil
		})
	}
	for _, folder := range slices.Compact(folders) {
		_ = watcher.Add(folder) // a folder that is gone is seen by the poll
	}
}
