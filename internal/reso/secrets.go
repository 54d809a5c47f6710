package reso

import (
	"html"
	"net/url"
	"strconv"
	"strings"
)

// secrets takes the tokens out of texts that a person will read. Some sources
// repeat the request in what they answer: its errors, its pages of HTML, the
// address that they redirect to. A text must pass here before it is shortened
// or quoted, since half a token could not be found any more.
type secrets struct{ replace *strings.Replacer }

// hidden stands where a token was.
const hidden = "(token)"

func newSecrets(tokens map[string]string) secrets {
	var pairs []string
	for _, token := range tokens {
		if token == "" {
			continue
		}
		quoted := strconv.Quote(token)
		// As it is, and as it stands in an address, in HTML and in JSON.
		for _, form := range []string{
			token, url.QueryEscape(token), url.PathEscape(token), html.EscapeString(token),
			quoted[1 : len(quoted)-1], strings.ReplaceAll(token, "/", `\/`),
		} {
			pairs = append(pairs, form, hidden)
		}
	}
	return secrets{replace: strings.NewReplacer(pairs...)}
}

func (s secrets) hide(text string) string {
	if s.replace == nil {
		return text
	}
	return s.replace.Replace(text)
}
