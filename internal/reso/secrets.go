package reso

import (
	"html"
	"maps"
	"net/url"
	"slices"
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

func newSecrets(tokens []string) secrets {
	var pairs []string
	for _, token := range tokens {
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

// credentials are the bearer tokens in use, and what hides them.
type credentials struct {
	tokens map[string]string // by feed
	known  []string          // these, and those that were in use before
	secret secrets
}

// SetTokens exchanges the feeds' bearer tokens from the next request on. The old
// ones stay hidden: an answer to them may still be on its way.
func (c *Client) SetTokens(tokens map[string]string) {
	for {
		old := c.bearer.Load()
		var known []string
		if old != nil {
			known = slices.Clone(old.known)
		}
		for _, token := range tokens {
			if token != "" && !slices.Contains(known, token) {
				known = append(known, token)
			}
		}
		fresh := &credentials{tokens: maps.Clone(tokens), known: known, secret: newSecrets(known)}
		if c.bearer.CompareAndSwap(old, fresh) {
			return
		}
	}
}

func (c *Client) secret() secrets { return c.bearer.Load().secret }

func (s secrets) hide(text string) string {
	if s.replace == nil {
		return text
	}
	return s.replace.Replace(text)
}
