// Package mix spreads numbers: neighbours come out far apart.
package mix

// Golden is 2^64 divided by the golden ratio, SplitMix64's step from one number to the next.
const Golden = 0x9e3779b97f4a7c15

// Mix is the finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA
// 2014), with the constants of Stafford's Mix13.
func Mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
