//go:build linux || darwin

package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free is how many bytes this user can still write to the file system of path.
func Free(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", path, err)
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec,unconvert // a block's size is positive; its type differs between systems
}

// Writable reports whether this user may write to a file, or make entries in a
// directory. The answer is the system's own: rights, owners, read-only mounts.
func Writable(path string) error {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return fmt.Errorf("write to %s: %w", path, err)
	}
	return nil
}
