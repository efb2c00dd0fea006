// Medians, quartiles, and ratios of values from the same rounds.

package main

import (
	"math"
	"slices"
	"time"
)

// quantile returns the value below which a share p of the values lies.
func quantile(v []float64, p float64) figure {
	if len(v) == 0 {
		return missing
	}
	s := slices.Sorted(slices.Values(v))
	at := p * float64(len(s)-1)
	below := int(at)
	if below+1 >= len(s) {
		return figure(s[below])
	}
	return figure(s[below] + (at-float64(below))*(s[below+1]-s[below]))
}

// median returns the median of the values.
func median(v []float64) figure { return quantile(v, 0.5) }

// ratio returns v's median divided by w's.
func ratio(v, w []float64) figure {
	if len(v) == 0 || len(w) == 0 {
		return missing
	}
	return median(v) / median(w)
}

// spread returns the quartiles of the ratios of single rounds, in each of which both ran under the
// same conditions.
func spread(v, w []float64) (q1, q3 figure) {
	if len(v) != len(w) {
		return missing, missing
	}
	r := make([]float64, len(v))
	for i := range v {
		r[i] = v[i] / w[i]
	}
	return quantile(r, 0.25), quantile(r, 0.75)
}

// milliseconds returns a duration in milliseconds.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// isMissing reports whether there is no figure.
func isMissing(f figure) bool { return math.IsNaN(float64(f)) }
