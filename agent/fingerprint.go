package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
)

// fingerprint identifies what a stream fetches, never with which token: the
// source's address in its first part, and resource, filter and feed in the
// second. A position is good only for the same fingerprint; where the first part
// alone is another, the operator may know that it is the same source.
func (s *stream) fingerprint(sourceURL string) string {
	return digest(address(sourceURL)) + "-" + digest(s.shape.Resource, s.filter, s.feed)
}

// undivided is the fingerprint as agents before this one made it.
func (s *stream) undivided(sourceURL string) string {
	return digest(strings.TrimRight(sourceURL, "/"), s.shape.Resource, s.filter, s.feed)
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// address is a source's address in one spelling. This host's own names are one:
// localhost, 127.0.0.1 and [::1] lead to the same service.
func address(sourceURL string) string {
	u, err := url.Parse(strings.TrimRight(sourceURL, "/"))
	if err != nil {
		return sourceURL
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch host {
	case "127.0.0.1", "::1":
		host = "localhost"
	}
	if u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		port = ""
	}
	return strings.Join([]string{strings.ToLower(u.Scheme), host, port, u.EscapedPath()}, "\x00")
}

// difference is how what a stream fetches now differs from what its position is of.
type difference int

const (
	differsNot      difference = iota
	differsAddress             // the source's address alone
	differsQuestion            // filter or feed
	differsSomehow             // an older agent's fingerprint does not tell
)

// differs compares a stream's state with what would be fetched now.
func (s *stream) differs(state *checkpoint.Stream, sourceURL string) difference {
	was, now := state.Fingerprint, s.fingerprint(sourceURL)
	if state.Position == nil && state.Pass == nil || was == "" || was == now || was == s.undivided(sourceURL) {
		return differsNot
	}
	_, wasQuestion, divided := strings.Cut(was, "-")
	_, nowQuestion, _ := strings.Cut(now, "-")
	switch {
	case !divided:
		return differsSomehow
	case wasQuestion == nowQuestion:
		return differsAddress
	}
	return differsQuestion
}

// changed are the streams that fetch something else than before.
type changed struct {
	address  []string // by another address, as far as is known nothing else
	question []string // with another filter or feed
	somehow  bool     // one of address is of an older agent and may be either
}

func (c *changed) add(name string, d difference) {
	switch d {
	case differsNot:
	case differsQuestion:
		c.question = append(c.question, name)
	case differsSomehow, differsAddress:
		c.address = append(c.address, name)
		c.somehow = c.somehow || d == differsSomehow
	}
}

// what says what is other than before, and do what can be done about it.
func (c *changed) what(all catalog.Catalogue) string {
	var parts, filters []string
	if len(c.address) > 0 {
		what := "the source's address (--source-url)"
		if c.somehow {
			what += ", or filter or feed,"
		}
		parts = append(parts, fmt.Sprintf("%s is another for %s", what, strings.Join(c.address, ", ")))
	}
	if len(c.question) > 0 {
		for _, name := range c.question {
			if s := all.Find(name); s.Filter != "" {
				filters = append(filters, "--"+s.Flag+"-filter")
			}
		}
		filter := "filter"
		if filters != nil {
			filter += " (" + strings.Join(filters, ", ") + ")"
		}
		parts = append(parts, fmt.Sprintf("%s or feed is another for %s", filter, strings.Join(c.question, ", ")))
	}
	return strings.Join(parts, "; ")
}

func (c *changed) do(all catalog.Catalogue) string {
	var parts []string
	if len(c.address) > 0 {
		parts = append(parts, "if it is the same source under another address, run 'agent sync --accept-source', which goes on where the streams stand")
	}
	var flags string
	if names := append(append([]string{}, c.address...), c.question...); len(names) < len(all) {
		for _, name := range names {
			flags += " --" + all.Find(name).Flag
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("'agent sync%s --force' fetches all of it again", flags)), "; ")
}

// checkSource refuses, once for all streams, to go on from positions that were
// reached with another source, feed or filter. Told to accept the source, it
// takes over the new address for every stream, selected or not, and gives the
// names of those. A forced run begins its own streams anew.
func (a *Agent) checkSource(all map[string]*standing, streams []*stream, sel Selection) (accepted []string, err error) {
	selected := make(map[string]bool)
	for _, s := range streams {
		selected[s.name] = true
	}
	var refused changed
	for _, name := range a.config.streams().Names() {
		st, ok := all[name]
		if !ok {
			continue
		}
		d := st.stream.differs(&st.state, a.config.SourceURL)
		want := st.stream.fingerprint(a.config.SourceURL)
		switch {
		case d == differsNot && selected[name]:
			st.state.Fingerprint = want
		case d == differsNot:
		case selected[name] && sel.Force:
			// The old position belongs to something else: everything is fetched anew.
			st.state.Position, st.state.Pass, st.state.Fingerprint = nil, nil, want
		case sel.AcceptSource && d != differsQuestion:
			st.state.Fingerprint = want
			accepted = append(accepted, name)
		case selected[name]:
			refused.add(name, d)
		}
	}
	if what := refused.what(a.config.streams()); what != "" {
		return nil, refuse(fmt.Errorf("%w since the last run: %s; %s", ErrChanged, what, refused.do(a.config.streams())))
	}
	return accepted, nil
}

// acceptSource makes the state file say at once what was accepted, also for
// streams that are not in the run.
func (a *Agent) acceptSource(all map[string]*standing, accepted []string) error {
	if len(accepted) == 0 {
		return nil
	}
	err := a.file.Update(func(tx *checkpoint.Tx) error {
		for _, name := range accepted {
			s, ok, err := tx.Stream(name)
			if err != nil {
				return err
			}
			if !ok { // the destination's account, or SyncLog's, was taken over
				continue
			}
			s.Fingerprint = all[name].state.Fingerprint
			if err := tx.PutStream(name, s); err != nil {
				return err
			}
		}
		return nil
	})
	a.notice(false, "the source's address is accepted for %s: they go on where they stand", strings.Join(accepted, ", "))
	return err
}

// refusal is an error that a setting can mend and that is no fault of the
// settings by itself: it is an ErrConfig, and does not say so.
type refusal struct{ error }

func (r refusal) Unwrap() []error { return []error{ErrConfig, r.error} }

func refuse(err error) error { return refusal{err} }
