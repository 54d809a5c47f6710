package simulator

import "math"

// world is what rows are computed from. It never changes once it is made.
//
// Parents are numbered: first the listings, then the listings that are in no
// feed but have children there, then the offices and members that have photos.
type world struct {
	options  Options
	dice     dice
	listings int // numbers below it are listings
	orphans  int // numbers from listings to here are parents in no feed
	owners   int // numbers from orphans to here are offices and members

	listingKeys, openHouseKeys stride
	mediaSalt, roomSalt        uint64
	clusterSize                int

	// Word lists, here so that no row has to make them.
	places                       []place
	streets, suffixes, brokerage []string
}

func newWorld(o Options) *world {
	d := dice{o.Seed}
	w := &world{
		options:       o,
		dice:          d,
		listings:      o.Properties,
		listingKeys:   newStride(listingKeyPrime, d.draw(1, forNumbers)),
		openHouseKeys: newStride(openHouseKeyPrime, d.draw(2, forNumbers)),
		mediaSalt:     d.draw(3, forNumbers),
		roomSalt:      d.draw(4, forNumbers),
		clusterSize:   o.ClusterSize,
		places:        places(),
		streets:       streets(),
		suffixes:      suffixes(),
		brokerage:     brokerages(),
	}
	w.orphans = w.listings + int(math.Ceil(o.OrphanShare*float64(o.Properties)))
	w.owners = w.orphans + int(math.Ceil(o.MediaPerListing*float64(o.Properties)/100))
	return w
}

// activeIDX says whether a generated listing is active and displayable, which
// is what lets IDX see it.
func (w *world) activeIDX(listing int) bool {
	return w.dice.draw(uint64(listing), forStatus)%100 < 85
}

// children is how many rows of a child resource a parent has.
func (w *world) children(def *resource, parent int) int {
	if parent >= w.orphans {
		return 1
	}
	drawn := w.dice.share(uint64(parent), forChildren+def.step)
	return int(math.Round(2 * def.average * drawn))
}

// rows generates the compact rows of a resource, the children of one parent
// side by side. first holds where each parent's children begin.
func (w *world) rows(def *resource) (rows []row, first []int32) {
	if def.parent == "" {
		rows = make([]row, def.numbers)
		for i := range rows {
			rows[i].parent = int32(i)
			if def.name != Property || w.activeIDX(i) {
				rows[i].state = inIDX
			}
		}
	} else {
		first = make([]int32, def.numbers+1)
		for p := range def.numbers {
			first[p+1] = first[p] + int32(w.children(def, p))
		}
		rows = make([]row, first[def.numbers])
		for p := range def.numbers {
			for i := first[p]; i < first[p+1]; i++ {
				rows[i].parent, rows[i].seq = int32(p), uint16(i-first[p])
			}
		}
	}
	w.setTimestamps(def, rows)
	return rows, first
}

// setTimestamps gives each row its second, and a fraction which a healthy
// server neither shows nor filters by.
//
// The rows of the same-second clusters are picked by an affine walk over all
// row numbers, so that each cluster has exactly its size.
func (w *world) setTimestamps(def *resource, rows []row) {
	n := len(rows)
	size := w.clusterSize
	if size == 0 {
		size = min(usualClusterSize, n/10)
	}
	size = min(size, n)
	clusters := 0
	if size > 1 {
		clusters = max(1, n/5/size)
	}
	step := coprimeStep(n, w.dice.draw(def.step, forCluster))
	purpose := def.step * resourceSteps
	for i := range rows {
		r := w.dice.roll(uint64(i), purpose+forTimestamp)
		second := w.second(&r)
		if slot := int(uint64(i) * step % uint64(n)); slot < clusters*size {
			c := w.dice.roll(uint64(slot/size), purpose+forCluster)
			second = w.second(&c)
		} else if def.together {
			p := w.dice.roll(uint64(rows[i].parent), purpose+forPhoto)
			second = min(w.second(&p)+int64(rows[i].seq/sizesPerPhoto), w.options.End.Unix())
		}
		rows[i].at = second*1e6 + int64(r.below(1e6))
	}
}

// second draws a moment between Start and End, more often a late one.
func (w *world) second(r *roll) int64 {
	start, end := w.options.Start.Unix(), w.options.End.Unix()
	a, b := r.between(0, int(end-start)), r.between(0, int(end-start))
	return start + int64(max(a, b))
}

// coprimeStep is a number below n that has no divisor in common with it, so
// that multiples of it visit every number below n once.
func coprimeStep(n int, draw uint64) uint64 {
	if n < 3 {
		return 1
	}
	step := uint64(n)/3 + draw%(uint64(n)/3+1)
	for ; step > 1; step-- {
		a, b := step, uint64(n)
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			break
		}
	}
	return max(step, 1)
}
