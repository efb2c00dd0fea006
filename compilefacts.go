// Chapter 13: conditions are split into tests of 32-bit words, and facts record what is known
// about the words after some tests. With these facts, a condition holds, does not hold, or is
// still open. compileargs.go uses this to decide what to test next.

package main

// fact is what is known about a word at a place in the graph.
type fact struct {
	min, max    uint32
	zeros, ones uint32
	not         []uint32 // values that it does not have, besides those outside min..max
}

// facts holds the facts about the low and the high word of each argument.
type facts [12]fact

func wordOf(arg int, high bool) int {
	if high {
		return 2*arg + 1
	}
	return 2 * arg
}

// offsetOf returns the offset of a word of the arguments in struct seccomp_data.
func offsetOf(word int) uint32 { return offArgs + 4*uint32(word) }

// need is a part of a condition: a test of one word or, for a pair, of both words of an
// argument.
type need struct {
	kind needKind
	not  bool
	word int // the low word for a pair
	mask uint32
	k    uint32 // the value with which the word is compared
	high uint32 // for a pair: the value with which the high word is compared
}

type needKind uint8

const (
	needEQ     needKind = iota // word == k
	needGE                     // word >= k
	needMask                   // word & mask == k
	needPairEQ                 // high<<32|low == the value; only negated, otherwise two needEQ are used
	needPairGE                 // high<<32|low >= the value
)

// todo is a rule with the conditions that are still open.
type todo struct {
	needs []need
	then  verdict
}

// tri is a three-valued answer.
type tri uint8

// The answers to a question about a word.
const (
	open tri = iota
	certain
	impossible
)

func known(b bool) tri {
	if b {
		return certain
	}
	return impossible
}

func (t tri) flip(not bool) tri {
	if !not || t == open {
		return t
	}
	return known(t == impossible)
}

// takeApart splits the conditions of a rule into tests of words.
func takeApart(r rule) todo {
	t := todo{then: r.then}
	for _, c := range r.when {
		low, high := wordOf(c.arg, false), wordOf(c.arg, true)
		v := c.value
		lo, hi := uint32(v), uint32(v>>32)
		not := false
		switch c.op {
		case opNE, opEQ:
			switch {
			case c.cut:
				t.needs = append(t.needs, narrowed(need{kind: needPairEQ, not: c.op == opNE, word: low, k: lo, high: hi})...)
			case c.op == opEQ:
				t.needs = append(t.needs, need{kind: needEQ, word: high, k: hi}, need{kind: needEQ, word: low, k: lo})
			default:
				t.needs = append(t.needs, need{kind: needPairEQ, not: true, word: low, k: lo, high: hi})
			}
		case opMaskedEQ:
			mlo, mhi := uint32(c.mask), uint32(c.mask>>32)
			if c.cut {
				mhi = 0 // the upper half counts as zero
			}
			t.needs = append(t.needs, masked(high, mhi, hi), masked(low, mlo, lo))
		case opAnyBit:
			t.needs = append(t.needs, need{kind: needMask, not: true, word: low, mask: uint32(c.mask)})
		case opGT, opLE: // > v is the same as >= v+1
			if v == 1<<64-1 {
				t.needs = append(t.needs, never(c.op == opLE))
				continue
			}
			v++
			fallthrough
		case opGE, opLT:
			not = c.op == opLT || c.op == opLE
			n := need{kind: needPairGE, not: not, word: low, k: uint32(v), high: uint32(v >> 32)}
			if c.cut {
				t.needs = append(t.needs, narrowed(n)...)
				continue
			}
			t.needs = append(t.needs, n)
		}
	}
	return t
}

func masked(word int, mask, k uint32) need {
	if mask == noMask {
		return need{kind: needEQ, word: word, k: k}
	}
	return need{kind: needMask, word: word, mask: mask, k: k}
}

// never holds for no value; with not set, it holds for every value. It tests a bit outside of
// the mask.
func never(not bool) need { return need{kind: needMask, k: 1, not: not} }

// narrowed returns the needs of a pair whose upper word counts as zero.
func narrowed(n need) []need {
	switch {
	case n.high != 0: // the argument is never equal and never as large
		return []need{never(n.not)}
	case n.kind == needPairEQ:
		return []need{{kind: needEQ, not: n.not, word: n.word, k: n.k}}
	}
	return []need{{kind: needGE, not: n.not, word: n.word, k: n.k}}
}

func (f *fact) eq(k uint32) tri {
	if k < f.min || k > f.max || k&f.zeros != 0 || ^k&f.ones != 0 {
		return impossible
	}
	for _, n := range f.not {
		if n == k {
			return impossible
		}
	}
	return known2(f.min == f.max || f.zeros|f.ones == noMask)
}

// known2 returns certain if b is true, and open otherwise.
func known2(b bool) tri {
	if b {
		return certain
	}
	return open
}

// ge reports whether the word is at least k.
func (f *fact) ge(k uint32) tri {
	switch {
	case f.min >= k || f.ones >= k:
		return certain
	case f.max < k || ^f.zeros < k:
		return impossible
	}
	return open
}

func (f *fact) masked(mask, k uint32) tri {
	switch {
	case k&^mask != 0 || k&f.zeros != 0 || mask&^k&f.ones != 0:
		return impossible
	case f.min == f.max:
		return known(f.min&mask == k)
	}
	return known2((f.zeros|f.ones)&mask == mask)
}

// settle decides a need from the facts, or returns what is left of it.
func (f *facts) settle(n need) (need, tri) {
	low := &f[n.word]
	switch n.kind {
	case needEQ:
		return n, low.eq(n.k).flip(n.not)
	case needGE:
		return n, low.ge(n.k).flip(n.not)
	case needMask:
		return n, low.masked(n.mask, n.k).flip(n.not)
	case needPairEQ:
		h, l := f[n.word+1].eq(n.high), low.eq(n.k)
		switch {
		case h == impossible || l == impossible:
			return n, impossible.flip(n.not)
		case h == certain:
			return f.settle(need{kind: needEQ, not: n.not, word: n.word, k: n.k})
		case l == certain:
			return f.settle(need{kind: needEQ, not: n.not, word: n.word + 1, k: n.high})
		}
		return n, open
	}
	hi := &f[n.word+1]
	above := impossible
	if n.high != noMask {
		above = hi.ge(n.high + 1)
	}
	switch {
	case above == certain:
		return n, certain.flip(n.not)
	case hi.ge(n.high) == impossible || (above == impossible && hi.eq(n.high) == impossible):
		return n, impossible.flip(n.not)
	case hi.eq(n.high) == certain || (above == impossible && hi.ge(n.high) == certain):
		return f.settle(need{kind: needGE, not: n.not, word: n.word, k: n.k})
	case low.ge(n.k) == certain:
		return f.settle(need{kind: needGE, not: n.not, word: n.word + 1, k: n.high})
	case low.ge(n.k) == impossible && n.high != noMask:
		return f.settle(need{kind: needGE, not: n.not, word: n.word + 1, k: n.high + 1})
	}
	return n, open
}

// prune removes what the facts decide. The first rule of the result is open, or always holds.
func (f *facts) prune(rules []todo) []todo {
	var out []todo
next:
	for _, r := range rules {
		left := todo{then: r.then}
		for _, n := range r.needs {
			n, t := f.settle(n)
			switch t {
			case impossible:
				continue next
			case open:
				left.needs = append(left.needs, n)
			}
		}
		out = append(out, left)
		if len(left.needs) == 0 {
			break // nothing after this rule is reached
		}
	}
	return out
}

// except records that the word is not k.
func (f *fact) except(k uint32) {
	switch {
	case k == f.min && k != f.max:
		f.min++
	case k == f.max && k != f.min:
		f.max--
	default:
		f.not = append(f.not[:len(f.not):len(f.not)], k)
	}
}
