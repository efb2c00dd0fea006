// Chapter 13: from ranges of a word's values to the cheapest tree of comparisons. This is the
// core of the compiler. It is used for system call numbers, and for arguments that are compared
// with several constants.
//
// There are two kinds of tests: `>=` splits the ranges into two parts, and `==` picks a single
// value out of a range that continues after it (an island). Which tree is best depends on how
// often each range occurs (compileweights.go). The tree is found by dynamic programming over all
// intervals of ranges, as for optimal search trees, with islands as an additional choice.

package main

import (
	"math"

	"golang.org/x/net/bpf"
)

// span is a range of values that ends where the next span begins. It has a weight, and leads to
// a node.
type span struct {
	from   uint32
	weight float64
	to     *node
}

const (
	// spanWeight is a minimal weight, so that ranges that no measured program used do not end up
	// arbitrarily deep in the tree.
	spanWeight = 0.0002
	// sizePrice is the cost of an instruction that is not executed: it takes space in the cache.
	sizePrice = 0.002
	// maxIslands limits a sequence of `==` tests, whose cost is linear.
	maxIslands = 6
	// exact is the number of ranges up to which every tree is tried. For more ranges, only splits
	// near the middle of the weight are tried.
	exact = 48
)

// tree builds the tests for all values of a word. The first span begins at the smallest value
// that can occur.
func (g *graph) tree(word uint32, spans []span) *node {
	merged := spans[:0:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && merged[n-1].to == s.to {
			merged[n-1].weight += s.weight
			continue
		}
		merged = append(merged, s)
	}
	t := &treeBuilder{g: g, word: word, spans: merged}
	return t.build()
}

type treeBuilder struct {
	g     *graph
	word  uint32
	spans []span
	sum   []float64 // weights of the spans before each
	cost  []float32 // the cost of the interval i..j, at i*n+j
	split []int16   // its best first test: `>=` of this span's start, or 0 for islands
}

func (t *treeBuilder) build() *node {
	n := len(t.spans)
	t.sum = make([]float64, n+1)
	for i, s := range t.spans {
		t.sum[i+1] = t.sum[i] + s.weight + spanWeight
	}
	t.cost = make([]float32, n*n)
	t.split = make([]int16, n*n)
	for length := 2; length <= n; length++ {
		for i := 0; i+length <= n; i++ {
			t.best(i, i+length-1)
		}
	}
	return t.emit(0, n-1)
}

// best finds the cheapest way to tell the spans i..j apart.
func (t *treeBuilder) best(i, j int) {
	n := len(t.spans)
	best, at := float32(math.Inf(1)), 0
	lo, hi := i+1, j
	if n > exact && j-i > 1 {
		// The best split of an interval is between those of the two intervals that are one shorter
		// (Knuth 1971). With islands this is only a heuristic: if it misses the best tree, the
		// filter is a little slower, but never wrong.
		if s := int(t.split[i*n+j-1]); s != 0 {
			lo = max(lo, s-1)
		}
		if s := int(t.split[(i+1)*n+j]); s != 0 {
			hi = min(hi, s+1)
		}
		if lo > hi {
			lo, hi = i+1, j
		}
	}
	for k := lo; k <= hi; k++ {
		if c := t.cost[i*n+k-1] + t.cost[k*n+j]; c < best {
			best, at = c, k
		}
	}
	best += float32(t.sum[j+1]-t.sum[i]) + sizePrice
	if c, ok := t.islandCost(i, j); ok && c <= best {
		best, at = c, 0
	}
	t.cost[i*n+j], t.split[i*n+j] = best, int16(at)
}

// archipelago is a sequence of ranges that are told apart by `==` only: single values, the most
// frequent first, and the node for all other values.
type archipelago struct {
	islands [maxIslands]int
	n       int
	sea     *node
}

// islands returns the ranges i..j as an archipelago, if that is possible.
func (t *treeBuilder) islands(i, j int) (a archipelago, ok bool) {
	if j-i+1 > 2*maxIslands+1 {
		return a, false
	}
	for k := i; k <= j; k++ {
		if !t.single(k) {
			if a.sea != nil && a.sea != t.spans[k].to {
				return a, false
			}
			a.sea = t.spans[k].to
		}
	}
	if a.sea == nil {
		a.sea = t.spans[j].to
	}
	for k := i; k <= j; k++ {
		if t.spans[k].to == a.sea {
			continue
		}
		if a.n == maxIslands {
			return a, false
		}
		at := a.n // insertion sort: there are few
		for ; at > 0 && t.spans[a.islands[at-1]].weight < t.spans[k].weight; at-- {
			a.islands[at] = a.islands[at-1]
		}
		a.islands[at] = k
		a.n++
	}
	return a, true
}

func (t *treeBuilder) single(k int) bool {
	s := t.spans[k].from
	return s == math.MaxUint32 || (k+1 < len(t.spans) && t.spans[k+1].from == s+1)
}

func (t *treeBuilder) islandCost(i, j int) (float32, bool) {
	a, ok := t.islands(i, j)
	if !ok {
		return 0, false
	}
	left := t.sum[j+1] - t.sum[i]
	cost := float64(a.n) * sizePrice
	for _, k := range a.islands[:a.n] {
		cost += left // every call that gets to this test executes it
		left -= t.spans[k].weight + spanWeight
	}
	return float32(cost), true
}

func (t *treeBuilder) emit(i, j int) *node {
	if i == j {
		return t.spans[i].to
	}
	if k := int(t.split[i*len(t.spans)+j]); k != 0 {
		return t.g.test(t.word, noMask, bpf.JumpGreaterOrEqual, t.spans[k].from, t.emit(k, j), t.emit(i, k-1))
	}
	a, _ := t.islands(i, j)
	n := a.sea
	for k := a.n - 1; k >= 0; k-- {
		s := t.spans[a.islands[k]]
		n = t.g.test(t.word, noMask, bpf.JumpEqual, s.from, s.to, n)
	}
	return n
}
