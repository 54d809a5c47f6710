package reso

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"resoagent/internal/record"
)

// follow is the address of a query's next link. The token goes with it, so it
// must be of the source's own origin.
func (c *Client) follow(q record.Query) (*url.URL, error) {
	address, err := url.Parse(q.Next)
	if err != nil {
		// url.Error would show the link, and what the source has put into it.
		return nil, &Error{Resource: q.Shape.Resource, Message: "the source's next link is not an address", permanent: true}
	}
	address = c.address(q.Shape.Resource, "").ResolveReference(address)
	if own := origin(c.root); origin(address) != own || address.User != nil {
		return nil, &Error{
			Resource: q.Shape.Resource, permanent: true,
			Message: fmt.Sprintf("the source's next link leads to %.200q and not to %s, so it is not followed: the token would go there",
				c.secret().hide(origin(address)), own),
		}
	}
	address.Fragment, address.RawFragment = "", ""
	address.RawQuery = escapeQuery(address.RawQuery)
	return address, nil
}

// origin is scheme, host and port of an address.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// escapeQuery escapes what may not stand in a query string. Sources that put a
// link together from the filter leave its spaces as they are.
func escapeQuery(query string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// resolve makes a link absolute. One that is no address stays as it is: it is
// an error only for whoever follows it.
func resolve(link string, base *url.URL) string {
	if link == "" || base == nil {
		return link
	}
	address, err := url.Parse(link)
	if err != nil {
		return link
	}
	return base.ResolveReference(address).String()
}

// untold is a link without the parameters that hold a token: it is sent in a header
// anyway, and links are kept and compared.
func (s secrets) untold(link string) string {
	path, query, found := strings.Cut(link, "?")
	if !found || len(s.find([]byte(link))) == 0 {
		return link
	}
	kept := strings.Split(query, "&")
	kept = slices.DeleteFunc(kept, func(parameter string) bool { return len(s.find([]byte(parameter))) > 0 })
	return path + "?" + strings.Join(kept, "&")
}

// linkHeader is the target of the first link of a relation (RFC 8288).
func linkHeader(h http.Header, relation string) string {
	for _, value := range h.Values("Link") {
		for {
			_, rest, found := strings.Cut(value, "<")
			target, after, closed := strings.Cut(rest, ">")
			if !found || !closed {
				break
			}
			parameters := after
			if next := strings.IndexByte(after, '<'); next >= 0 {
				parameters = after[:next]
			}
			if hasRelation(parameters, relation) {
				return target
			}
			value = after
		}
	}
	return ""
}

// hasRelation reports whether the parameters of a link name the relation.
func hasRelation(parameters, relation string) bool {
	for parameter := range strings.FieldsFuncSeq(parameters, func(c rune) bool { return c == ';' || c == ',' }) {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for one := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(one, relation) {
				return true
			}
		}
	}
	return false
}
