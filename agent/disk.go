package agent

import "golang.org/x/sys/unix"

// freeBytes is what this user may still write to the disk of a directory; nil
// where that cannot be told.
func freeBytes(dir string) *int64 {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return nil
	}
	free := int64(fs.Bavail) * int64(fs.Bsize) //nolint:gosec,unconvert // no disk has that many bytes; the types differ by system
	return &free
}
