package simulator

import (
	"strconv"
	"strings"
	"time"
)

// listing is what several fields of a Property record must agree on.
type listing struct {
	place                        *place
	streetNumber, unit           int
	street, suffix, postal       string
	apartment, lease             bool
	kind, subType                string
	standard, mls, prior         string
	displayable                  bool
	price, original, closed      int // dollars; closed is 0 unless sold or leased
	bedrooms, bathrooms, taxes   int
	entered, contracted, changed int64 // microseconds
	brokerage                    string
}

// details computes the listing behind a Property record, once.
func (r *record) details() *listing {
	if r.shared == nil {
		r.shared = r.world.listing(int(r.row.parent), r.origin())
	}
	return r.shared
}

func (w *world) listing(number int, at int64) *listing {
	r := w.dice.roll(uint64(number), forListing)
	l := &listing{place: w.place(number)}
	l.street, l.suffix = w.streets[r.below(len(w.streets))], w.suffixes[r.below(len(w.suffixes))]
	l.streetNumber, l.postal = r.between(1, 3999), l.place.postalCode(&r)
	l.apartment, l.lease = r.percent(l.place.apartmentPercent), r.percent(28)
	if l.apartment {
		l.unit = r.between(1, 45)*100 + r.between(1, 15)
	}
	l.kind, l.subType = w.propertyType(l, &r)
	l.bedrooms, l.bathrooms = r.between(1, 5), r.between(1, 4)
	thousands := l.place.lowest + r.below(l.place.typical)*(1+l.bedrooms)/3
	if l.apartment {
		thousands = thousands * 2 / 3
	}
	l.price = thousands*1000 - 100*r.between(0, 9)
	switch {
	case r.below(400) == 0:
		l.price = 10_000_000 * r.between(1, 3) // 2.0E7 and the like
	case l.lease:
		l.price = 1500 + 50*r.below(80)
	}
	l.original = l.price
	if r.percent(30) {
		l.original = l.price * 21 / 20
	}
	l.taxes = 1500 + l.price/180
	l.entered = at - int64(r.between(0, 200*86400))*1e6
	l.contracted = l.entered - int64(r.below(2*86400))*1e6
	l.changed = l.entered + (at-l.entered)/3
	l.brokerage = w.brokerage[r.below(len(w.brokerage))]
	w.setStatus(l, number, &r)
	return l
}

func (w *world) propertyType(l *listing, r *roll) (kind, subType string) {
	pick := func(of ...string) string { return of[r.below(len(of))] }
	switch {
	case r.percent(8):
		return "Commercial", pick("Office", "Industrial", "Commercial Retail", "Land", "Sale Of Business")
	case l.apartment:
		return "Residential Condo & Other", pick("Condo Apartment", "Condo Apartment", "Condo Townhouse", "Common Element Condo")
	default:
		return "Residential Freehold", pick("Detached", "Detached", "Semi-Detached", "Att/Row/Townhouse", "Duplex", "Vacant Land")
	}
}

// setStatus agrees with activeIDX: a listing that IDX sees is active and may be
// displayed, and any other is not one or the other.
func (w *world) setStatus(l *listing, number int, r *roll) {
	l.displayable, l.prior = true, "Draft"
	if r.percent(20) {
		l.prior = "New"
	}
	state := r.below(10)
	switch {
	case w.activeIDX(number):
		l.standard, l.mls = "Active", []string{"New", "New", "New", "Price Change", "Extension"}[state/2]
	case state == 0:
		l.standard, l.mls, l.displayable = "Active", "New", false
	case state < 6:
		l.standard, l.mls, l.prior = "Closed", "Sold", "New"
		if l.lease {
			l.mls = "Leased"
		}
		l.closed = l.price * r.between(93, 108) / 100
	case state < 8:
		l.standard, l.mls = "Cancelled", "Terminated"
	case state == 8:
		l.standard, l.mls = "Pending", "Sold Conditional"
	default:
		l.standard, l.mls = "Expired", "Expired"
	}
}

func (l *listing) address() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(l.streetNumber) + " " + l.street + " " + l.suffix)
	if l.unit > 0 {
		b.WriteString(" " + strconv.Itoa(l.unit))
	}
	b.WriteString(", " + l.place.city + ", ON " + l.postal)
	return b.String()
}

// closeDate is the day on which a sale or lease begins.
func (l *listing) closeDate(at int64) time.Time {
	return time.UnixMicro(at).UTC().AddDate(0, 0, 20+l.streetNumber%60)
}
