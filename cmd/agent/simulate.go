package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/internal/simulator"
)

type simulateCommand struct {
	*root
	listen    string
	options   simulator.Options
	pageCap   int
	nextLink  bool
	noCount   bool
	plain     bool
	latency   time.Duration
	perMinute int
}

// simulatorAddress stays the same from one start to the next: a source under
// another address is another source to the agent.
const simulatorAddress = "127.0.0.1:8765"

func newSimulate(r *root) *ffcli.Command {
	c := &simulateCommand{root: r}
	fs := r.flags("agent simulate")
	c.register(fs)
	r.examples(fs, "agent simulate > agent.conf # then, in another terminal: agent sync --config agent.conf",
		"agent simulate --properties 20000 --requests-per-minute 60")
	return &ffcli.Command{
		Name: "simulate", ShortUsage: "agent simulate [--listen ADDRESS] [--properties N] [flags]",
		ShortHelp: "serve a simulated RESO Web API; prints its URL and tokens",
		LongHelp:  "The data is made up, but the same for the same seed, and behaves as the PropTx/AMPRE source does.",
		FlagSet:   fs, Options: r.variablesOnly(fs, "AGENT_SIMULATE"), Exec: c.exec,
	}
}

func (c *simulateCommand) register(set *flag.FlagSet) {
	fs := &grouped{FlagSet: set}
	fs.group("Access")
	fs.StringVar(&c.listen, "listen", simulatorAddress, "`address` to listen on; port 0: any free one")
	fs.StringVar(&c.options.IDXToken, "idx-token", simulator.DefaultIDXToken, "`token` of the IDX feed")
	fs.StringVar(&c.options.VOWToken, "vow-token", simulator.DefaultVOWToken, "`token` of the VOW feed")

	registerData(set, &c.options, 1000)
	fs.group("Data")
	fs.Float64Var(&c.options.DeletedShare, "deleted-share", 0, "`share` of photos and rooms that are marked as deleted")
	fs.IntVar(&c.options.ClusterSize, "cluster-size", 0, "`rows` that share one second, 0: a few hundred here and there")

	fs.group("Faults and limits")
	fs.IntVar(&c.pageCap, "page-cap", 0, "silently send at most so many `rows` a page, 0: as asked")
	fs.BoolVar(&c.nextLink, "next-link", false, "send @odata.nextLink")
	fs.BoolVar(&c.noCount, "no-count", false, "refuse $count")
	fs.BoolVar(&c.plain, "uncompressed", false, "answer without gzip")
	fs.DurationVar(&c.latency, "latency", 0, "time before each answer")
	fs.IntVar(&c.perMinute, "requests-per-minute", 0, "`n`: answer 429 beyond so many in a minute, 0: no limit")
}

// registerData adds the flags that say how much data there is.
func registerData(set *flag.FlagSet, o *simulator.Options, properties int) {
	fs := &grouped{FlagSet: set, title: "Data"}
	fs.Uint64Var(&o.Seed, "seed", 1, "`number` that the data is made from")
	fs.IntVar(&o.Properties, "properties", properties, "`number` of listings")
	fs.Float64Var(&o.MediaPerListing, "media-per-listing", 20, "photos of a listing, on `average`")
	fs.Float64Var(&o.RoomsPerListing, "rooms-per-listing", 8, "rooms of a listing, on `average`")
}

func (c *simulateCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	f := &c.options.Faults
	f.PageCap, f.Latency, f.RequestsPerMinute, f.Uncompressed = c.pageCap, c.latency, c.perMinute, c.plain
	if c.nextLink {
		f.NextLink = simulator.NextLinkAfter
	}
	if c.noCount {
		f.CountRefused = http.StatusNotImplemented
	}
	s, err := startSimulator(ctx, c.listen, c.options)
	if err != nil {
		return err
	}
	defer s.stop()
	_, err = fmt.Fprintf(c.stdout, "source-url %s\nidx-token %s\nvow-token %s\n", s.url, c.options.IDXToken, c.options.VOWToken)
	if err != nil {
		return err
	}
	if !consoleOptions(c.stdout).Terminal {
		_, _ = fmt.Fprintf(c.stderr, "serving %s until Ctrl-C; in another terminal: agent sync --config FILE, with the file that this is written to\n", s.url)
	}
	select {
	case <-ctx.Done():
		return nil // told to stop, which is how it ends
	case err := <-s.failed:
		return fmt.Errorf("serve: %w", err)
	}
}

// simulation is a simulator that is being served.
type simulation struct {
	*simulator.Simulator
	url    string
	server *http.Server
	failed chan error
}

func startSimulator(ctx context.Context, address string, o simulator.Options) (*simulation, error) {
	if o.Properties < 0 {
		return nil, fmt.Errorf("%w: --properties is %d, must be 0 or more", errUsage, o.Properties)
	}
	sim, err := simulator.New(o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve simulator: %w", err)
	}
	s := &simulation{
		Simulator: sim, url: "http://" + listener.Addr().String() + "/odata", failed: make(chan error, 1),
		server: &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

func (s *simulation) stop() {
	s.Close()
	_ = s.server.Close() // the process ends, or the demo is over
}
