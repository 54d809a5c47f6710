package simulator

import (
	"errors"
	"fmt"
	"time"
)

// Feed is one of the two views of the data, chosen by the bearer token.
type Feed string

// The two feeds. VOW sees every listing, IDX the active and displayable ones.
const (
	IDX Feed = "idx"
	VOW Feed = "vow"
)

// Tokens that are served when Options names no others.
const (
	DefaultIDXToken = "simulated-idx-token"
	DefaultVOWToken = "simulated-vow-token"
)

// The resources that are always served.
const (
	Property      = "Property"
	Media         = "Media"
	PropertyRooms = "PropertyRooms"
	OpenHouse     = "OpenHouse"
)

// Options describe the data. For every number, zero asks for the default and
// a negative value for none at all. Equal Options give equal rows.
type Options struct {
	Seed uint64

	// Properties is how many listings there are in all (default 1,000). VOW
	// sees all of them, IDX about 85%.
	Properties int

	// Averages of the children of a listing (defaults 20, 8 and 0.3). The
	// number of children is spread evenly between none and twice the average.
	MediaPerListing, RoomsPerListing, OpenHousesPerListing float64

	// OrphanShare is how many parents that are in no feed have children, as a
	// share of Properties (default 0.01).
	OrphanShare float64

	// DeletedShare is how many photos and rooms are marked as deleted
	// (default 0).
	DeletedShare float64

	// ClusterSize is how many rows share a second in the same-second clusters.
	// By default clusters of a few hundred hold a fifth of the rows. Where it
	// is set, there is at least one cluster of that size, or of the whole
	// resource if that is smaller. A child resource counts its rows in VOW.
	ClusterSize int

	// Start and End bound the generated modification timestamps (defaults
	// 2023-01-01 and 2026-06-30, UTC, whole seconds).
	Start, End time.Time

	// IDXToken and VOWToken are the bearer tokens of the feeds.
	IDXToken, VOWToken string

	// PropertyPadding lengthens the remarks of each listing until its record
	// has about that many bytes of JSON. Records are 11 KB or so by nature.
	PropertyPadding int

	// Extra are resources beside the four, which they do not alter.
	Extra []Extra

	// Faults is what is switched on from the first request.
	Faults Faults

	// Now is the clock of the request log and of Faults.RequestsPerMinute
	// (default time.Now). No row depends on it.
	Now func() time.Time
}

const (
	mostProperties   = 5_000_000
	mostRows         = 200_000_000
	mostPhotos       = 20_000
	mostOpenHouses   = 7
	usualClusterSize = 300
)

func (o Options) withDefaults() (Options, error) {
	count := func(v *int, usual int) {
		if *v == 0 {
			*v = usual
		}
		*v = max(*v, 0)
	}
	share := func(v *float64, usual float64) {
		if *v == 0 {
			*v = usual
		}
		*v = max(*v, 0)
	}
	count(&o.Properties, 1000)
	share(&o.MediaPerListing, 20)
	share(&o.RoomsPerListing, 8)
	share(&o.OpenHousesPerListing, 0.3)
	share(&o.OrphanShare, 0.01)
	share(&o.DeletedShare, 0)
	if o.Start.IsZero() {
		o.Start = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.End.IsZero() {
		o.End = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	}
	if o.IDXToken == "" {
		o.IDXToken = DefaultIDXToken
	}
	if o.VOWToken == "" {
		o.VOWToken = DefaultVOWToken
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Start, o.End = o.Start.UTC().Truncate(time.Second), o.End.UTC().Truncate(time.Second)
	return o, o.check()
}

func (o Options) check() error {
	rows := float64(o.Properties) * (1 + o.OrphanShare) * max(1, o.MediaPerListing, o.RoomsPerListing)
	switch {
	case o.Properties > mostProperties:
		return fmt.Errorf("check options: %d properties, at most %d", o.Properties, mostProperties)
	case !(rows <= mostRows):
		return fmt.Errorf("check options: %.0f rows, at most %d", rows, mostRows)
	case o.MediaPerListing > mostPhotos || o.RoomsPerListing > mostPhotos:
		return fmt.Errorf("check options: more than %d children a listing", mostPhotos)
	case o.OpenHousesPerListing > mostOpenHouses:
		return fmt.Errorf("check options: more than %d open houses a listing", mostOpenHouses)
	case o.OrphanShare > 1 || o.DeletedShare > 1:
		return errors.New("check options: a share is above 1")
	case o.End.Sub(o.Start) < time.Minute:
		return errors.New("check options: End is less than a minute after Start")
	case o.IDXToken == o.VOWToken:
		return errors.New("check options: both feeds have the same token")
	}
	taken := map[string]bool{Property: true, Media: true, PropertyRooms: true, OpenHouse: true}
	for i := range o.Extra {
		if err := o.Extra[i].check(&o, taken); err != nil {
			return err
		}
	}
	return nil
}
