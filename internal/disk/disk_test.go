package disk

import (
	"path/filepath"
	"testing"
)

func TestFree(t *testing.T) {
	dir := t.TempDir()
	n, err := Free(dir)
	if err != nil || n == 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := Free(filepath.Join(dir, "missing")); err == nil {
		t.Error("the free space of a path that is not there")
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	if err := Writable(dir); err != nil {
		t.Error(err)
	}
	if err := Writable(filepath.Join(dir, "missing")); err == nil {
		t.Error("a path that is not there can be written to")
	}
}
