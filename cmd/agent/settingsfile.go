package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/peterbourgon/ff/v3"

	"resoagent/internal/disk"
)

// variablePrefix is what the environment variables of settings begin with.
const variablePrefix = "AGENT"

// options are how settings are read: a flag first, then the environment, then
// the file that --config names.
func options() []ff.Option {
	return []ff.Option{
		ff.WithEnvVarPrefix(variablePrefix), ff.WithConfigFileFlag("config"), ff.WithConfigFileParser(parseSettings),
	}
}

// variablesOnly are the options of a command with settings of its own: flags,
// and environment variables that begin with prefix.
func (r *root) variablesOnly(fs *flag.FlagSet, prefix string) []ff.Option {
	r.variables[fs.Name()] = prefix
	return []ff.Option{ff.WithEnvVarPrefix(prefix)}
}

// lineError is a line of the settings file that cannot be read.
type lineError struct {
	number int
	line   string // never to be shown: it may hold a token
	err    error
}

func (e *lineError) Error() string {
	return fmt.Sprintf("line %d of the settings file cannot be read", e.number)
}

func (e *lineError) Unwrap() error { return e.err }

// settingsFile is the path of one. It is looked at before it is opened: a pipe
// would be waited for, where no signal is heard yet.
type settingsFile string

func (f *settingsFile) String() string { return string(*f) }

func (f *settingsFile) Set(path string) error {
	*f = settingsFile(path)
	err := disk.CheckFile(path, mostSettings)
	var irregular *disk.IrregularError
	var large *disk.LargeError
	if errors.As(err, &irregular) || errors.As(err, &large) {
		return err
	}
	return nil // if it cannot be read, that is said by who reads it
}

// parseSettings reads lines as ff.PlainParser does, and tells which one is wrong.
func parseSettings(r io.Reader, set func(name, value string) error) error {
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		if err := ff.PlainParser(bytes.NewReader(lines.Bytes()), set); err != nil {
			return &lineError{number: number, line: strings.TrimSpace(lines.Text()), err: err}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	return nil
}

// explain says what is wrong with the line. Of the line itself it shows no word
// but one that is a setting's name, or nearly.
func (e *lineError) explain(fs *flag.FlagSet) error {
	where := fmt.Sprintf("line %d of the settings file", e.number)
	if f := fs.Lookup("config"); f != nil {
		where = fmt.Sprintf("line %d of %s", e.number, f.Value)
	}
	word, rest := e.line, ""
	if i := strings.IndexAny(word, " \t=:"); i >= 0 {
		word, rest = word[:i], word[i:]
	}
	name := strings.ToLower(strings.Trim(word, "-\"'"))
	name = strings.ReplaceAll(strings.TrimPrefix(name, strings.ToLower(variablePrefix)+"_"), "_", "-")
	f := fs.Lookup(name)
	near := nearest(name, flagNames(fs))
	switch why := gone(name); {
	case f == nil && why != "":
		return fmt.Errorf("%w: %s: %s", errUsage, where, why)
	case f != nil && label(f).refused:
		return fmt.Errorf("%w: %s: %s takes %s", errUsage, where, name, orOther(kindOf(label(f))))
	case f != nil && rest != "" && rest[0] != ' ':
		return fmt.Errorf("%w: %s: a space stands between name and value: write '%s VALUE', not '%s%c...'",
			errUsage, where, name, name, rest[0])
	case f != nil:
		return fmt.Errorf("%w: %s: write '%s VALUE', as the flag is called but without --", errUsage, where, name)
	case near != "" && len(word) <= len(near)+3:
		return fmt.Errorf("%w: %s: there is no setting '%s'; did you mean %s?", errUsage, where, word, near)
	}
	return fmt.Errorf("%w: %s is no setting: a line is 'name value', with the names that '%s --help' lists, such as 'quiet' or 'retry-for 5m'",
		errUsage, where, fs.Name())
}
