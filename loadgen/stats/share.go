package stats

import (
	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// ShareBounds bounds the share that a part of n independent values has, of which k were in it, so that either bound is
// wrong with at most the given probability (Clopper and Pearson 1934, by the quantiles of the beta distribution). N and
// k need not be whole: they may be what correlated values are worth.
func ShareBounds(k, n, wrong float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	k = min(max(k, 0), n)
	high = 1
	if k > 0 {
		low = mathext.InvRegIncBeta(k, n-k+1, wrong)
	}
	if k < n {
		high = mathext.InvRegIncBeta(k+1, n-k, 1-wrong)
	}
	return low, high
}

// Clustering is by how much more the values in a part of a population come together than independent ones: the variance
// of their number in equal stretches of time, over that of a binomial one with the same share (a design effect, Kish
// 1965; by batches, Law and Carson 1979). As few stretches know their variance badly, it is wider by what Student's t
// is wider than the normal distribution, where a bound may be wrong with the given probability. It is at least 1, and
// that for fewer than four stretches, or where the part is empty or all.
func Clustering(k, n []float64, wrong float64) float64 {
	var sumK, sumN float64
	for i := range k {
		sumK, sumN = sumK+k[i], sumN+n[i]
	}
	share := sumK / max(sumN, 1)
	if len(k) < 4 || share == 0 || share == 1 {
		return 1
	}
	var variance float64
	for i := range k {
		d := k[i] - n[i]*share
		variance += d * d
	}
	free := float64(len(k) - 1)
	variance /= free
	wider := distuv.StudentsT{Sigma: 1, Nu: free}.Quantile(1-wrong) / distuv.UnitNormal.Quantile(1-wrong)
	return max(1, wider*wider*variance/(sumN/float64(len(k))*share*(1-share)))
}
