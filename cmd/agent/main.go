// Command agent keeps a complete, current copy of a RESO Web API feed in a
// database. See 'agent --help' and the README.
package main

import (
	"context"
	"io"
	"log" //nolint:depguard // net/http writes to it
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Set by the build: see the Makefile.
var version, commit, date string

// environment is what a command may know of the world besides its arguments.
type environment struct {
	get  func(string) string // an environment variable
	list func() []string     // all of them, as NAME=value
	host string              // this host's name
	// executable is this program, for those who need another process of it.
	executable string
	now        func() time.Time // the wall clock
	// hangups delivers each SIGHUP until stop is called; before and after that the
	// signal ends the program, as it does by default.
	hangups func() (signals <-chan os.Signal, stop func())
}

func main() {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	os.Exit(process(host))
}

// process is the whole program, on a host of this name. It gives the exit code.
func process(host string) int {
	// net/http says here what a source has sent unasked, word for word. Whatever
	// matters comes back as an error.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on, a second one has its usual effect: the process
	// ends at once.
	context.AfterFunc(ctx, stop)
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	env := environment{get: os.Getenv, list: os.Environ, host: host, executable: self, now: time.Now, hangups: hangups}
	return exitCode(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, env), os.Stderr)
}

func hangups() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// run does what the command line says.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env environment) error {
	return newRoot(stdin, stdout, stderr, env).execute(ctx, args)
}
