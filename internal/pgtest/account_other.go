//go:build !unix

package pgtest

import (
	"errors"
	"os"
	"os/exec"
)

type account struct{}

func unprivileged() (account, error) {
	return account{}, errors.New("throwaway servers need a Unix system; set TEST_DATABASE_URL instead")
}

func (account) apply(*exec.Cmd) {}

func (account) own(string) error { return nil }

func lockFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }
