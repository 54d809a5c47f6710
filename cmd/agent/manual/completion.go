package manual

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	template "github.com/DataDog/datadog-agent/pkg/template/text" // without calls of methods: see monitor/page.go
)

//go:embed completion
var completions embed.FS

// Shells are those with a completion script.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion is the script that teaches a shell the commands and flags.
func (b *Book) Completion(shell string) (string, error) {
	t, err := template.New(shell).Funcs(template.FuncMap{
		"join": strings.Join, "quote": quote, "fishQuote": fishQuote, "zshText": zshText, "zshAction": zshAction, "function": function, "short": short,
		"name": (*Command).Name, "shown": (*Command).Shown, "offered": (*Command).Offered, "below": (*Command).Below,
		"choices": Flag.Choices, "valued": Flag.Valued, "of": b.Of,
	}).ParseFS(completions, "completion/"+shell+".tmpl")
	if err != nil {
		return "", fmt.Errorf("read completion of %s: %w", shell, err)
	}
	var out strings.Builder
	if err := t.ExecuteTemplate(&out, shell+".tmpl", struct {
		*Book
		All     []*Command
		Flags   []Flag // every flag, once
		Valued  []string
		Choices []Flag
	}{b, b.Root.All(), b.flags(nil), names(b.flags(Flag.Valued)), b.flags(func(f Flag) bool { return f.Choices() != nil })}); err != nil {
		return "", fmt.Errorf("write completion of %s: %w", shell, err)
	}
	return out.String(), nil
}

// flags are the flags of all commands that pass, each name once: a name stands
// for the same kind of value everywhere.
func (b *Book) flags(pass func(Flag) bool) (all []Flag) {
	for _, c := range b.Root.All() {
		for _, f := range slices.Concat(c.Shown(), c.Aside) {
			known := slices.ContainsFunc(all, func(other Flag) bool { return other.Name == f.Name })
			if !known && (pass == nil || pass(f)) {
				all = append(all, f)
			}
		}
	}
	return all
}

// Valued tells whether a value stands behind the flag.
func (f Flag) Valued() bool { return f.Value != "" }

func names(flags []Flag) (names []string) {
	for _, f := range flags {
		names = append(names, "--"+f.Name)
	}
	return names
}

// Offered are the flags that a shell offers for the command.
func (c *Command) Offered() []string { return append(names(c.Shown()), "--help") }

// Below are the names of the commands below.
func (c *Command) Below() (below []string) {
	for _, sub := range c.Commands {
		below = append(below, sub.Name())
	}
	return below
}

// Of are the flags whose value is of a kind, such as 'file'.
func (b *Book) Of(kind string) []string {
	return names(b.flags(func(f Flag) bool { return f.Value == kind }))
}

// quote makes a word of bash and zsh.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// fishQuote makes a word of fish, where a backslash has a meaning between quotes.
func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// short is the first clause of a text, for a list that is read at a glance.
func short(text string) string {
	text, _, _ = strings.Cut(text, "; ")
	return text
}

// zshText escapes what has a meaning in the specifications of _arguments and
// _describe.
func zshText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `[`, `\[`, `]`, `\]`).Replace(text)
}

// zshAction completes a flag's value.
func zshAction(f Flag) string {
	switch {
	case f.Choices() != nil:
		return ":value:(" + strings.Join(f.Choices(), " ") + ")"
	case f.Value == "file":
		return ":file:_files"
	case f.Value == "directory":
		return ":directory:_files -/"
	}
	return ":" + zshText(f.Value) + ": "
}

// function is the name of a shell function for a command.
func function(path string) string { return "_" + strings.ReplaceAll(path, " ", "_") }
