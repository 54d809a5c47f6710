package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"os"

	"resoagent/internal/disk"
)

// mostFile is how many bytes a file of certificates, passwords or services can have.
const mostFile = 1 << 20

// checkFiles refuses what is no file, or far too large for one, among the files
// that URL and environment name: the driver would wait for a pipe without end,
// and read all of a device. What cannot be read it says itself.
func checkFiles(text string) error {
	named, err := url.Parse(text)
	if err != nil {
		return nil // the driver says what is wrong with it
	}
	for parameter, variable := range map[string]string{
		"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "passfile": "PGPASSFILE", "servicefile": "PGSERVICEFILE",
	} {
		name, path := parameter, named.Query().Get(parameter)
		if path == "" {
			name, path = variable, os.Getenv(variable)
		}
		if path == "" || parameter == "sslrootcert" && path == "system" {
			continue
		}
		err := disk.CheckFile(path, mostFile)
		var irregular *disk.IrregularError
		var large *disk.LargeError
		if errors.As(err, &irregular) || errors.As(err, &large) {
			return fmt.Errorf("open destination: %s: %w; name another file", name, err)
		}
	}
	return nil
}
