// Medians, quartiles, and ratios of what was measured in the same round.

package main

import (
	"math"
	"slices"
	"time"
)

// quantile gives the value that the share p of v is not above.
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

func median(v []float64) figure { return quantile(v, 0.5) }

// ratio is v's median in units of w's; spread gives the quartiles of the ratios of
// the single rounds, in each of which both saw the same machine.
func ratio(v, w []float64) figure {
	if len(v) == 0 || len(w) == 0 {
		return missing
	}
	return median(v) / median(w)
}

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

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func isMissing(f figure) bool { return math.IsNaN(float64(f)) }
