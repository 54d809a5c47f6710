package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

var (
	errNoPostgres = errors.New(`no Postgres server binaries (initdb, pg_ctl, postgres) on this machine; install them
  Debian, Ubuntu:  apt-get install postgresql
  Fedora, RHEL:    dnf install postgresql-server
  macOS:           brew install postgresql@17`)
	errNoPooler = errors.New(`no pgbouncer on this machine; install it
  Debian, Ubuntu:  apt-get install pgbouncer
  Fedora, RHEL:    dnf install pgbouncer
  macOS:           brew install pgbouncer`)
)

// postgresPlaces are where packages put the server's binaries: Debian and most others keep them out of PATH.
var postgresPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
}

// poolerPlaces are tried after PATH, which often lacks the sbin directories for users other than root.
var poolerPlaces = []string{
	"/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer",
}

// findPostgres returns the directory of a complete set of server binaries: what PATH names, else the newest version.
func findPostgres(places []string) (string, error) {
	var candidates []string
	if server, err := exec.LookPath("postgres"); err == nil {
		candidates = append(candidates, filepath.Dir(server))
		// A lone link in PATH leads to a directory that has the rest.
		if target, err := filepath.EvalSymlinks(server); err == nil {
			candidates = append(candidates, filepath.Dir(target))
		}
	}
	var installed []string
	for _, place := range places {
		found, err := filepath.Glob(place)
		if err != nil {
			return "", err
		}
		installed = append(installed, found...)
	}
	slices.SortStableFunc(installed, func(a, b string) int { return versionIn(b) - versionIn(a) })
	for _, directory := range append(candidates, installed...) {
		if hasAll(directory, "initdb", "pg_ctl", "postgres") {
			return directory, nil
		}
	}
	return "", errNoPostgres
}

func findPooler(places []string) (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	for _, path := range places {
		if hasAll(filepath.Dir(path), filepath.Base(path)) {
			return path, nil
		}
	}
	return "", errNoPooler
}

func hasAll(directory string, names ...string) bool {
	for _, name := range names {
		info, err := os.Stat(filepath.Join(directory, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

var versionPattern = regexp.MustCompile(`(?:postgresql[/@]|pgsql-)(\d+)`)

// versionIn reads the major version out of a path like /usr/lib/postgresql/15/bin; 0 where it names none.
func versionIn(path string) int {
	match := versionPattern.FindStringSubmatch(path)
	if match == nil {
		return 0
	}
	version, err := strconv.Atoi(match[1])
	if err != nil {
		return 0
	}
	return version
}
