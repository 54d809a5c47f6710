package reso

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"resoagent/internal/record"
)

// each spells every character by itself.
func each(spell func(c byte) string) func(string) string {
	return func(text string) string {
		var b strings.Builder
		for i := range len(text) {
			b.WriteString(spell(text[i]))
		}
		return b.String()
	}
}

func format(f string) func(string) string {
	return each(func(c byte) string { return fmt.Sprintf(f, c) })
}

func quoted(text string) string {
	text = strconv.Quote(text)
	return text[1 : len(text)-1]
}

func spellings() map[string]func(string) string {
	random := rand.New(rand.NewPCG(1, 2))
	forms := []string{"%c", "%c", "%%%02x", "%%%02X", `\u%04x`, `\u%04X`, "&#%d;", "&#x%x;", `\x%02x`, "&#%06d;"}
	s := map[string]func(string) string{
		"plain": func(t string) string { return t }, "upper": strings.ToUpper, "lower": strings.ToLower,
		"query": url.QueryEscape, "path": url.PathEscape, "HTML": html.EscapeString,
		"lower query": func(t string) string { return strings.ToLower(url.QueryEscape(t)) },
		"quoted":      quoted, "twice quoted": func(t string) string { return quoted(quoted(t)) },
		"slashes": func(t string) string { return strings.ReplaceAll(t, "/", `\/`) },
		"percent": format("%%%02x"), "percent, upper": format("%%%02X"), "percent, wide": format("%%u%04x"),
		"decimal": format("&#%d;"), "hexadecimal": format("&#x%x;"), "zeros": format("&#x%080X;"), "JSON": format(`\u%04x`),
		"braces": format(`\u{%x}`), "C": format(`\x%02x`), "octal": format(`\%03o`),
		"names": func(t string) string {
			return strings.NewReplacer("/", "&sol;", "+", "&plus;", `"`, "&QUOT;", "<", "&LT", "&", "&AMP;", "=", "&equals;").Replace(t)
		},
		"mixed": each(func(c byte) string { return fmt.Sprintf(forms[random.IntN(len(forms))], c) }),
		"hex":   func(t string) string { return hex.EncodeToString([]byte(t)) },
		"HEX":   func(t string) string { return strings.ToUpper(hex.EncodeToString([]byte(t))) },
		"UTF-16": func(t string) string {
			return "\x00" + strings.Join(strings.Split(t, ""), "\x00")
		},
	}
	for n, prefix := range []string{"", "B", "Be", "Bearer ", "user:", `{"token":"`} {
		for name, e := range map[string]*base64.Encoding{
			"std": base64.StdEncoding, "url": base64.URLEncoding, "raw": base64.RawStdEncoding,
		} {
			s[fmt.Sprint("base64 ", name, n)] = func(t string) string { return e.EncodeToString([]byte(prefix + t)) }
		}
	}
	s["base64 in lines"] = func(t string) string {
		text := base64.StdEncoding.EncodeToString([]byte("Bearer " + t))
		return text[:10] + "\r\n" + text[10:]
	}
	for outer, f := range map[string]func(string) string{"percent": s["percent"], "JSON": s["JSON"], "query": url.QueryEscape, "HTML": html.EscapeString} {
		for _, inner := range []string{"percent", "decimal", "JSON", "base64 std3", "quoted"} {
			g := s[inner]
			s[outer+" of "+inner] = func(t string) string { return f(g(t)) }
		}
	}
	s["base64 of percent"] = func(t string) string { return base64.StdEncoding.EncodeToString([]byte(s["percent"](t))) }
	s["base64 of base64"] = func(t string) string { return base64.StdEncoding.EncodeToString([]byte(s["base64 std1"](t))) }
	return s
}

// In whatever way a token is spelled, and cut short at either end, less than
// eight characters of it are left.
func TestTokensInEverySpelling(t *testing.T) {
	tokens := []string{
		`canary-vow/"<&>+9Z`, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"0123456789abcdef0123456789abcdef", "12345678",
	}
	s := newSecrets(tokens, run, 1)
	for name, spell := range spellings() {
		for _, token := range tokens {
			for from := 0; from+run <= len(token); from += 1 + len(token)/12 {
				for _, to := range []int{from + run, (from + run + len(token)) / 2, len(token)} {
					said := spell(token[from:to])
					got := s.hide("before " + said + " after")
					left := strings.TrimSuffix(strings.TrimPrefix(got, "before "), " after")
					// What surrounds the token in its packing may be left, but none of its own runs.
					if !strings.Contains(left, hidden) {
						t.Fatalf("%s of %q: %s", name, token[from:to], got)
					}
					for at := from; at+run <= to && !strings.Contains(name, "base64"); at++ {
						if name != "mixed" && strings.Contains(left, spell(token[at:at+run])) {
							t.Fatalf("%s of %q is left in %s", name, token[at:at+run], got)
						}
					}
					if strings.HasPrefix(name, "base64") && len(left) > len(hidden)+36 {
						t.Fatalf("%s of %q: %s", name, token[from:to], got)
					}
				}
			}
		}
	}
}

// What has nothing of a token in it stays as it is.
func TestOtherTextsStay(t *testing.T) {
	s := newSecrets([]string{`canary-vow/"<&>+9Z`, "abc"}, run, 1)
	for _, text := range []string{
		"", "canary-", "the filter is not valid: %zz &unknown; \\q &#; &#xZZ; %", "canary%2Dx", strings.Repeat("QUJD+/==", 100),
		"\\u12", "\\", "&", "%u12", "\\u{", "\\u{}", "&#99999999999;",
	} {
		if got := s.hide(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := s.hide("xABCabcx"); got != "x"+hidden+"x" {
		t.Errorf("a short token: %q", got)
	}
	if got := (secrets{}).hide("a text"); got != "a text" {
		t.Errorf("without tokens: %q", got)
	}
}

// Long texts are looked through in pieces; a token may lie across two.
func TestTokensInLongTexts(t *testing.T) {
	const token = "canary-of-many-characters"
	s := newSecrets([]string{token}, run, 1)
	for at := piece - 400; at < piece+overlap+40; at += 173 {
		for _, name := range []string{"plain", "decimal", "base64 std3"} {
			text := strings.Repeat(" ", at) + spellings()[name](token) + strings.Repeat(" ", piece)
			if got := s.hide(text); strings.Count(got, hidden) != 1 || len(strings.TrimSpace(got)) > len(hidden)+14 {
				t.Fatalf("%s at %d: %q", name, at, strings.TrimSpace(got))
			}
		}
	}
}

// The quick look at a key misses nothing that the thorough one finds.
func TestKeysAreSuspect(t *testing.T) {
	token := "canary-of-many-characters"
	s := newSecrets([]string{token}, 2*run, run)
	for name, spell := range spellings() {
		for from := range len(token) - run {
			if text := "x" + spell(token[from:from+run]); !strings.HasPrefix(name, "base64 of") && !s.holds(text) {
				t.Errorf("%s of %q is not found", name, token[from:from+run])
			}
		}
	}
	for _, key := range []string{"W1234567", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "canary-", strings.Repeat("a", 500)} {
		if s.holds(key) {
			t.Errorf("%s is taken for a token", key)
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	s := newSecrets([]string{strings.Repeat("canary", 50)}, 2*run, run)
	for b.Loop() {
		s.holds("3f2504e0-4f89-11d3-9a0c-0305e82c3301")
	}
}

// A record with a token in it is stored as it is, but not where it would be
// shown: neither in a reject's reason and bytes nor in a key.
func TestTokensInRecords(t *testing.T) {
	const token = "canary-of-many-characters"
	at := `"ModificationTimestamp":"2024-01-01T00:00:00Z"`
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[`+strings.Join([]string{
			`{"ListingKey":"GOOD",` + at + `,"PublicRemarks":"` + token + `"}`,
			`{"ListingKey":"BAD","ModificationTimestamp":"` + token + `","PublicRemarks":"` + strings.ToUpper(token) + `"}`,
			`{"ListingKey":"` + token[3:] + `",` + at + `}`,
			`{"ListingKey":"no JSON","X":"` + spellings()["base64 std3"](token) + `",}`,
			`"` + token + `"`,
		}, ",")+`]}`)
	})
	c.SetTokens(map[string]string{"vow": token})
	var rejects []string
	_, err := c.Page(t.Context(), query(), func(r record.Record) error {
		if r.Reason == "" {
			if r.Key != "GOOD" || !strings.Contains(string(r.JSON), token) {
				t.Errorf("a record was changed: %s", r.JSON)
			}
			return nil
		}
		rejects = append(rejects, r.Reason)
		shown := strings.ToLower(r.Key + r.Reason + string(r.JSON))
		if strings.Contains(shown, token[3:11]) || strings.Contains(shown, "y2fuyxj5") || !strings.Contains(shown, hidden) {
			t.Errorf("reject %q: %q, %s", r.Key, r.Reason, r.JSON)
		}
		return nil
	})
	if err != nil || len(rejects) != 4 || rejects[1] != "ListingKey holds an access token" {
		t.Errorf("%q, %v", rejects, err)
	}
}
