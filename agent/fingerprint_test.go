package agent_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
)

// moved serves the setup's source under another address too, and gives that.
func moved(tb testing.TB, s *setup) string {
	tb.Helper()
	server := httptest.NewServer(s.source.Simulator)
	tb.Cleanup(server.Close)
	return server.URL + "/odata"
}

// The same source under another address is refused once for all streams, with
// both ways named; accepted, every stream goes on where it stood, also those that
// are not in the run.
func TestSourceUnderAnotherAddress(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		s.config.SourceURL = moved(t, s)
		_, err := s.sync(t)
		if !errors.Is(err, agent.ErrChanged) || !errors.Is(err, agent.ErrConfig) {
			t.Fatalf("error %v, want ErrChanged", err)
		}
		text := err.Error()
		if strings.Contains(text, "configuration:") || !strings.Contains(text, "--accept-source") || !strings.Contains(text, "'agent sync --force'") {
			t.Errorf("%q does not name both ways, and nothing else", text)
		}
		for _, name := range agent.Streams() {
			if strings.Count(text, name) != 1 {
				t.Errorf("%q does not name %s once", text, name)
			}
		}
		if _, _, err := agent.Plan(t.Context(), s.config, agent.Selection{}); !errors.Is(err, agent.ErrChanged) {
			t.Errorf("a plan: %v, want the same refusal", err)
		}
		// One stream is run; all are accepted.
		report, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, AcceptSource: true})
		if err != nil {
			t.Fatal(err)
		}
		if n := report.Totals.Written; n != 0 {
			t.Errorf("%d rows were written again", n)
		}
		report = s.mustSync(t)
		for _, p := range report.Passes {
			if p.Counters.Written != 0 || p.Counters.Seen() > 100 {
				t.Errorf("%s was fetched again: %+v", p.Stream, p.Counters)
			}
		}
		s.compare(t)
	})
}

// What --accept-source accepts is an address: another filter needs another copy.
func TestAcceptSourceAcceptsNoFilter(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t)
	s.config.SourceURL = moved(t, s)
	s.config.Filters["media"] = "ResourceName eq 'Property' and MediaCategory eq 'Photo'"
	_, err := s.syncWith(t, t.Context(), agent.Selection{AcceptSource: true})
	if !errors.Is(err, agent.ErrChanged) || !strings.Contains(err.Error(), "agent sync --media --force") || strings.Contains(err.Error(), "openhouse") {
		t.Fatalf("error %v, want one about media alone", err)
	}
}

// This host's own names are one address, and a fingerprint of an older agent is
// known again.
func TestSpellingsOfAnAddress(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t, catalog.VOWProperty)
	s.config.SourceURL = strings.Replace(s.source.URL, "127.0.0.1", "localhost", 1) + "/"
	s.mustSync(t, catalog.VOWProperty)
	sum := sha256.Sum256([]byte(s.source.URL + "\x00Property\x00\x00vow"))
	s.config.SourceURL = s.source.URL
	for fingerprint, want := range map[string]error{hex.EncodeToString(sum[:8]): nil, "0123456789abcdef": agent.ErrChanged} {
		setFingerprint(t, s.config.StateDir, catalog.VOWProperty, fingerprint)
		if _, err := s.sync(t, catalog.VOWProperty); !errors.Is(err, want) {
			t.Errorf("an older agent's fingerprint: %v, want %v", err, want)
		}
	}
	if _, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, AcceptSource: true}); err != nil {
		t.Errorf("an older agent's fingerprint, accepted: %v", err)
	}
	s.config.SourceURL = strings.Replace(s.source.URL, "/odata", "/other", 1)
	if _, err := s.sync(t, catalog.VOWProperty); !errors.Is(err, agent.ErrChanged) {
		t.Errorf("another path: %v, want ErrChanged", err)
	}
}

func setFingerprint(tb testing.TB, dir, stream, fingerprint string) {
	tb.Helper()
	file, err := checkpoint.Open(dir, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	err = file.Update(func(tx *checkpoint.Tx) error {
		s, _, err := tx.Stream(stream)
		s.Fingerprint = fingerprint
		return errors.Join(err, tx.PutStream(stream, s))
	})
	if err := errors.Join(err, file.Close()); err != nil {
		tb.Fatal(err)
	}
}
