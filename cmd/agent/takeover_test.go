package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

// An agent that is stopped, or whose host is cut off, in the middle of a
// transaction holds up nobody: another one has taken over within two leases and
// has everything. When the first comes back it finds that it is not the owner.
func TestTakeOverOfAnOwnerThatIsLost(t *testing.T) {
	t.Parallel()
	const lease = 6 * time.Second
	for name, at := range map[string]pgtest.Moment{"in COPY": pgtest.EndOfCopy, "in its turn": pgtest.Commit} {
		for _, pooled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, pooled %t", name, pooled), func(t *testing.T) {
				t.Parallel()
				s, proxy := throughProxy(t)
				s.source.Set(func(f *simulator.Faults) { f.Latency = 100 * time.Millisecond })
				direct := *s.db
				// With a trigger each row of a COPY goes in when it comes, not many at once.
				s.db.Exec(t, `CREATE FUNCTION `+s.db.Table("pass")+`() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$`)
				for _, stream := range catalog.All() {
					s.db.Exec(t, `CREATE TRIGGER pass BEFORE INSERT ON `+s.db.Table(stream.Table)+` FOR EACH ROW EXECUTE FUNCTION `+s.db.Table("pass")+`()`)
				}
				if pooled {
					s.db.URL = pgtest.Pooler(t, proxy.URL())
				}
				first := prepared(t, s.args("--lease", lease.String())...)
				first.Env = append(first.Env, asHost+"=first")
				if err := first.Start(); err != nil {
					t.Fatal(err)
				}
				// The moment is that of a group: the claim has commits of its own.
				until(t, func() bool { return s.db.Count(t, "idx_property", "") > 0 }, "nothing was stored")
				proxy.FreezeAt(at)
				<-proxy.Frozen()
				lost := time.Now()
				send(t, first, syscall.SIGSTOP)

				other := &setup{source: s.source, db: &direct, dir: t.TempDir() + "/other"}
				other.db.URL = pgtest.URL(t)
				for code := exitInUse; code != exitDone; {
					second := prepared(t, other.args("--lease", lease.String())...)
					second.Env = append(second.Env, asHost+"=second")
					if err := second.Start(); err != nil {
						t.Fatal(err)
					}
					if code = second.wait(t); code != exitDone && code != exitInUse {
						t.Fatalf("exit %d:\n%s", code, second.output())
					}
					if took := time.Since(lost); took > 10*lease {
						t.Fatalf("no take-over for %s:\n%s", took, second.output())
					}
				}
				if took := time.Since(lost); took > 2*lease+40*time.Second { // with its own run
					t.Errorf("all was there after %s", took)
				}
				harness.Compare(t, s.source, s.db, harness.AllFeeds())

				proxy.Thaw()
				send(t, first, syscall.SIGCONT)
				if code := first.wait(t); code != exitInUse || !strings.Contains(first.output(), "taken over") {
					t.Errorf("the first one: exit %d:\n%s", code, first.output())
				}
				harness.Compare(t, s.source, s.db, harness.AllFeeds())
			})
		}
	}
}

func send(t *testing.T, c *command, s syscall.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
