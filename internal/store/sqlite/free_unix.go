//go:build unix

package sqlite

import "golang.org/x/sys/unix"

// freeBytes is what the disk of a folder has left for those who are not root.
func freeBytes(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:gosec,unconvert // no disk has so many; the types differ by system
}
