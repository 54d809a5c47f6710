package simulator

import "math/rand/v2"

// What a draw is for. Each purpose has a stream of its own, so that one more
// purpose changes no row that was there before.
const (
	forStatus uint64 = iota + 1
	forListing
	forTimestamp
	forFraction
	forCluster
	forLag
	forDeleted
	forNumbers
	forPhoto
	forPlace
	forFields     = 1 << 16
	forChildren   = 2 << 16
	resourceSteps = 1 << 24
)

// dice draws numbers that depend on the seed, an index and a purpose only.
type dice struct{ seed uint64 }

func (d dice) draw(index, purpose uint64) uint64 {
	var source rand.PCG
	source.Seed(d.seed+purpose*0x9e3779b97f4a7c15, index)
	source.Uint64()
	return source.Uint64()
}

// share draws from [0,1).
func (d dice) share(index, purpose uint64) float64 {
	return float64(d.draw(index, purpose)>>11) / (1 << 53)
}

// roll hands out parts of one draw after another.
type roll struct{ source rand.PCG }

func (d dice) roll(index, purpose uint64) roll {
	var r roll
	r.source.Seed(d.seed+purpose*0x9e3779b97f4a7c15, index)
	r.source.Uint64()
	return r
}

func (r *roll) below(n int) int {
	if n <= 0 {
		return 0
	}
	return int(r.source.Uint64() % uint64(n))
}

func (r *roll) between(low, high int) int { return low + r.below(high-low+1) }

func (r *roll) percent(p int) bool { return r.below(100) < p }

// scramble is a one-to-one mapping of 64-bit numbers, the finisher of
// SplitMix64; unscramble is its inverse. Keys made by it look random and can
// be traced back to their row without an index.
func scramble(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func unscramble(x uint64) uint64 {
	x = (x ^ x>>31 ^ x>>62) * 0x319642b2d24d8ec3
	x = (x ^ x>>27 ^ x>>54) * 0x96de1b173f119089
	return x ^ x>>30 ^ x>>60
}

// stride is a one-to-one mapping of [0, prime) onto itself. For numbers that
// must look unordered and can be traced back.
type stride struct{ prime, factor, inverse, offset uint64 }

func newStride(prime, draw uint64) stride {
	factor := prime/3 + draw%(prime/3)
	return stride{prime, factor, power(factor, prime-2, prime), (draw >> 32) % prime}
}

func (s stride) forth(x uint64) uint64 { return (x*s.factor + s.offset) % s.prime }

func (s stride) back(y uint64) uint64 {
	return (y + s.prime - s.offset) % s.prime * s.inverse % s.prime
}

// power is base^exponent mod modulus; the modulus is below 2^32.
func power(base, exponent, modulus uint64) uint64 {
	result := uint64(1)
	for base %= modulus; exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			result = result * base % modulus
		}
		base = base * base % modulus
	}
	return result
}
