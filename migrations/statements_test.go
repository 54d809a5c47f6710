package migrations

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatements(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                {"", nil},
		"comments alone":         {"-- one;\n/* two; */ ; ;\n", nil},
		"two":                    {"SELECT 1;\nSELECT 2;\n", []string{"SELECT 1", "SELECT 2"}},
		"without an end":         {"SELECT 1; SELECT 2", []string{"SELECT 1", "SELECT 2"}},
		"a comment before":       {"-- why; so\nSELECT 1;", []string{"-- why; so\nSELECT 1"}},
		"a comment behind":       {"SELECT 1 -- why; so\n;", []string{"SELECT 1 -- why; so"}},
		"a comment to the end":   {"SELECT 1 -- why; so", []string{"SELECT 1 -- why; so"}},
		"a string":               {"SELECT ';', 'it''s; '; SELECT 2", []string{"SELECT ';', 'it''s; '", "SELECT 2"}},
		"dashes in a string":     {"SELECT '--'; SELECT '/*'; SELECT 3", []string{"SELECT '--'", "SELECT '/*'", "SELECT 3"}},
		"a backslash":            {`SELECT '\'; SELECT 2`, []string{`SELECT '\'`, "SELECT 2"}},
		"an escaped quote":       {`SELECT E'\';', e'\\'; SELECT 2`, []string{`SELECT E'\';', e'\\'`, "SELECT 2"}},
		"a name ending in e":     {`SELECT nam'\'; SELECT 2`, []string{`SELECT nam'\'`, "SELECT 2"}},
		"a quoted name":          {`SELECT "a;""b;"; SELECT 2`, []string{`SELECT "a;""b;"`, "SELECT 2"}},
		"a quote in a comment":   {"SELECT 1 -- it's\n; SELECT 2", []string{"SELECT 1 -- it's\n", "SELECT 2"}},
		"nested comments":        {"/* a /* b; */ c; */ SELECT 1; SELECT 2", []string{"/* a /* b; */ c; */ SELECT 1", "SELECT 2"}},
		"dollars":                {"DO $$ BEGIN; '; END $$; SELECT 2", []string{"DO $$ BEGIN; '; END $$", "SELECT 2"}},
		"dollars with a tag":     {"DO $a$ $$; $b$; $a$; SELECT 2", []string{"DO $a$ $$; $b$; $a$", "SELECT 2"}},
		"a dollar in a name":     {"SELECT a$$; SELECT b$$", []string{"SELECT a$$", "SELECT b$$"}},
		"parameters":             {"SELECT $1; SELECT $2", []string{"SELECT $1", "SELECT $2"}},
		"a comment without end":  {"SELECT 1; /* ;", []string{"SELECT 1"}},
		"a string without end":   {"SELECT '; SELECT 2", []string{"SELECT '; SELECT 2"}},
		"a body without its end": {"DO $$ ; SELECT 2", []string{"DO $$ ; SELECT 2"}},
	} {
		got := statements(x.text)
		for i := range x.want {
			x.want[i] = strings.TrimSpace(x.want[i])
		}
		if d := cmp.Diff(x.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Nothing of the files is lost but semicolons and white space.
func TestStatementsOfTheFiles(t *testing.T) {
	t.Parallel()
	bare := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, ";", "")), " ") }
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		if got, want := bare(strings.Join(statements(string(body)), "\n")), bare(string(body)); got != want {
			t.Errorf("%s: statements lose something", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
