package agent

import (
	"strings"

	"resoagent/internal/catalog"
	"resoagent/internal/record"
)

// Streams are all streams, in the order in which they are synced.
func Streams() []string { return catalog.All().Names() }

// streams are the catalogue, and stream gives one of it as configured.
func (c *Config) streams() catalog.Catalogue {
	if c.catalogue == nil {
		return catalog.All()
	}
	return c.catalogue
}

// stream is one thing to sync, as configured.
type stream struct {
	*catalog.Stream
	name   string
	shape  *record.Shape
	feed   string // whose token reads it
	filter string
	sizes  Sizes
}

// names are the streams' names.
func names(streams []*stream) []string {
	out := make([]string, len(streams))
	for i, s := range streams {
		out[i] = s.name
	}
	return out
}

// child reports whether the stream's records hang on a parent.
func (s *stream) child() bool { return s.Child() }

// batches is how many batches a full page has.
func (s *stream) batches() int { return (s.sizes.Page + s.sizes.Batch - 1) / s.sizes.Batch }

// stream gives a stream as this configuration has it, nil if there is none.
func (c *Config) stream(name string) *stream {
	row := c.streams().Find(name)
	if row == nil {
		return nil
	}
	s := &stream{Stream: row, name: name, shape: row.Shape(), feed: row.Feeds[len(row.Feeds)-1], filter: row.Filter, sizes: Sizes(row.Sizes)}
	for _, feed := range row.Feeds {
		if c.token(feed) != "" {
			s.feed = feed
			break
		}
	}
	if filter, ok := c.Filters[name]; ok {
		s.filter = filter
	}
	if sizes, ok := c.Sizes[row.Settings]; ok {
		s.sizes = *sizes
	}
	return s
}

// token is the bearer token of a feed.
func (c *Config) token(feed string) string {
	if feed == catalog.VOW {
		return c.VOWToken
	}
	return c.IDXToken
}

// holdings are where a destination holds the streams.
func (c *Config) holdings() (all []record.Holding) {
	for _, name := range c.streams().Names() {
		all = append(all, record.Holding{Stream: name, Shape: c.stream(name).shape})
	}
	return all
}

// children names the streams that hang on listings, for a sentence.
func (c *Config) children() string {
	var titles []string
	for _, s := range c.streams() {
		if s.Child() {
			titles = append(titles, s.Title)
		}
	}
	return strings.Join(titles, ", ")
}

// childStreams are the names of the streams that hang on listings.
func (c *Config) childStreams() (names []string) {
	for _, s := range c.streams() {
		if s.Child() {
			names = append(names, s.Name)
		}
	}
	return names
}

// sizeFlag is the setting of the stream's batch size.
func (s *stream) sizeFlag() string { return s.Settings + "-batch-size" }

// filterFlag is the setting of the stream's filter.
func (s *stream) filterFlag() string { return s.Flag + "-filter" }
