package agent

import "resoagent/internal/record"

// The streams, by the names that flags, tables and SyncLog use.
const (
	IDXProperty = "idx_property"
	VOWProperty = "vow_property"
	Media       = "media"
	Rooms       = "rooms"
	OpenHouse   = "openhouse"
)

// Streams are all streams, in the order in which they are synced.
func Streams() []string { return []string{IDXProperty, VOWProperty, Media, Rooms, OpenHouse} }

// Title is a stream's name for people.
func Title(stream string) string {
	switch stream {
	case IDXProperty:
		return "IDX Property"
	case VOWProperty:
		return "VOW Property"
	case Media:
		return "Media"
	case Rooms:
		return "PropertyRooms"
	case OpenHouse:
		return "OpenHouse"
	}
	return stream
}

// IsChild reports whether the stream's records belong to a listing.
func IsChild(stream string) bool { return stream != IDXProperty && stream != VOWProperty }

const (
	feedIDX = "idx"
	feedVOW = "vow"
)

// stream is one thing to sync, as configured.
type stream struct {
	name     string
	shape    *record.Shape
	feed     string // whose token reads it
	copyFeed string // which JSON copy it writes; "" where the table has one
	filter   string
	sizes    Sizes
	diskSize int64 // about what one record takes in the destination, in bytes
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
func (s *stream) child() bool { return s.shape.Parent != "" }

// batches is how many batches a full page has.
func (s *stream) batches() int { return (s.sizes.Page + s.sizes.Batch - 1) / s.sizes.Batch }

// stream gives a stream as this configuration has it. The disk sizes are
// pg_total_relation_size by rows after a backfill of 20,000 simulated listings
// with their 400,000 photos: 8,485 bytes a listing in both feeds, 1,259 a photo,
// 682 a room, 608 an open house.
func (c *Config) stream(name string) *stream {
	childFeed := feedIDX
	if c.VOWToken != "" {
		childFeed = feedVOW
	}
	switch name {
	case IDXProperty:
		return &stream{name: name, shape: record.Property(), feed: feedIDX, copyFeed: feedIDX, sizes: c.Property, diskSize: 4300}
	case VOWProperty:
		return &stream{name: name, shape: record.Property(), feed: feedVOW, copyFeed: feedVOW, sizes: c.Property, diskSize: 4300}
	case Media:
		return &stream{name: name, shape: record.Media(), feed: childFeed, filter: c.MediaFilter, sizes: c.Media, diskSize: 1300}
	case Rooms:
		return &stream{name: name, shape: record.Rooms(), feed: childFeed, sizes: c.Rooms, diskSize: 700}
	case OpenHouse:
		return &stream{name: name, shape: record.OpenHouse(), feed: childFeed, sizes: c.OpenHouse, diskSize: 650}
	}
	return nil
}

// token is the bearer token of a feed.
func (c *Config) token(feed string) string {
	if feed == feedVOW {
		return c.VOWToken
	}
	return c.IDXToken
}
