package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A folder that Kubernetes mounts holds links into mountedNow, itself a link to the folder of one moment. At a change that link is
// replaced; only then are the links to new files made and the old folder removed.
const mountedNow = "..data"

// steadyTries is how often files that change while they are read are read once more: a swap takes a moment, and what goes on for
// longer is noticed as the next change.
const steadyTries = 10

// steady reads files until they were the same before and after it, so that never some are of one version and some of the next. The
// error is that of the last reading, or that they do not come to rest.
func steady(paths []string, read func() error) error {
	for range steadyTries {
		before := fingerprint(paths)
		if err := read(); fingerprint(paths) == before {
			return err
		}
	}
	return errors.New("the files changed each time they were read; try again when they are at rest")
}

// momentOf is the folder whose files a folder shows: where it is mounted by Kubernetes that of this moment, which has every file of
// one version although the links to them are still being made.
func momentOf(dir string) string {
	target, err := os.Readlink(filepath.Join(dir, mountedNow))
	switch {
	case err != nil:
		return dir
	case filepath.IsAbs(target):
		return target
	}
	return filepath.Join(dir, target)
}

// readMoment reads a file as momentOf does where it is one of the mounted.
func readMoment(name string) ([]byte, error) {
	dir, base := filepath.Split(name)
	if link, err := os.Readlink(name); err == nil && link == filepath.Join(mountedNow, base) {
		name = filepath.Join(momentOf(filepath.Clean(dir)), base)
	}
	return os.ReadFile(name) //nolint:gosec // named by the operator
}

// templatesIn are the files of a templates folder.
func templatesIn(dir string) fs.FS { return os.DirFS(momentOf(dir)) }
