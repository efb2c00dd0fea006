// Chapter 13: the tests of a call's arguments.
// man 2 seccomp ("BPF_LD | BPF_W | BPF_ABS"): a filter loads 32 bits at a time, so a 64-bit
// argument is two words, the low one first.
//
// The rules are processed from the first one on. The next open condition is tested, and the two
// outcomes are processed separately, each with what the test has shown (facts). Later conditions
// are then often decided without a test of their own: for five values compared with one
// argument, its upper half is tested once. If the open conditions concern only one word, they
// become a tree of ranges (compiletree.go). Single bits with the same verdict become one JSET.

package main

import (
	"sort"

	"golang.org/x/net/bpf"
)

// rules returns the graph for a call: the verdict of the first rule that holds, or otherwise.
func (g *graph) rules(rules []rule, otherwise verdict) *node {
	var open []todo
	last := otherwise
	for _, r := range rules {
		if len(r.when) == 0 {
			last = r.then
			break
		}
		open = append(open, takeApart(r))
	}
	if len(open) == 0 {
		return g.verdict(last)
	}
	if !g.linear {
		b := &argBuilder{g: g, otherwise: last, left: 64}
		for _, r := range open {
			b.left += 16 * len(r.needs)
		}
		var f facts
		for i := range f {
			f[i].max = noMask
		}
		if n := b.walk(open, f); n != nil {
			return n
		}
	}
	return g.chain(open, last)
}

type argBuilder struct {
	g         *graph
	otherwise verdict
	left      int // the number of steps until this attempt is given up
}

// walk returns nil if the attempt has become too long.
func (b *argBuilder) walk(rules []todo, f facts) *node {
	rules = f.prune(rules)
	if b.left--; b.left < 0 {
		return nil
	}
	if len(rules) == 0 {
		return b.g.verdict(b.otherwise)
	}
	if len(rules[0].needs) == 0 {
		return b.g.verdict(rules[0].then)
	}
	if n := b.oneWord(rules, f); n != nil {
		return n
	}
	if bits, count := sharedBits(rules); count > 1 {
		word := rules[0].needs[0].word
		clear := f
		clear[word].zeros |= bits
		if rest := b.walk(rules[count:], clear); rest != nil {
			return b.g.test(offsetOf(word), noMask, bpf.JumpBitsSet, bits, b.g.verdict(rules[0].then), rest)
		}
		return nil
	}
	return b.branch(rules, f)
}

// branch tests the first open need of the first rule.
func (b *argBuilder) branch(rules []todo, f facts) *node {
	n := rules[0].needs[0]
	hit, miss := f, f
	word, mask, op, k := n.word, uint32(noMask), bpf.JumpEqual, n.k
	switch n.kind {
	case needPairEQ:
		word, k = n.word+1, n.high
	case needPairGE:
		word, k = n.word+1, n.high
		if n.high != noMask && f[word].ge(n.high+1) == open {
			op, k = bpf.JumpGreaterOrEqual, n.high+1
			// `> k` is the test that shows the constants of the source.
			if n.high == 0 {
				op, k = bpf.JumpGreaterThan, n.high
			}
		}
	case needGE:
		op = bpf.JumpGreaterOrEqual
	case needMask:
		mask = n.mask
	}
	h, m := &hit[word], &miss[word]
	switch {
	case n.kind == needMask && n.k == 0: // no bit of the mask is set: JSET with the branches exchanged
		op, k, mask = bpf.JumpBitsSet, n.mask, noMask
		m.zeros |= n.mask
		if n.mask&(n.mask-1) == 0 {
			h.ones |= n.mask
		}
	case n.kind == needMask && n.k == n.mask && n.mask&(n.mask-1) == 0: // a single bit
		op, k, mask = bpf.JumpBitsSet, n.mask, noMask
		h.ones |= n.mask
		m.zeros |= n.mask
	case n.kind == needMask:
		h.ones |= n.k
		h.zeros |= n.mask &^ n.k
	case op == bpf.JumpEqual:
		*h = fact{min: k, max: k, zeros: ^k, ones: k}
		m.except(k)
	case op == bpf.JumpGreaterThan:
		h.min, m.max = k+1, k
	default:
		h.min, m.max = max(h.min, k), min(m.max, k-1)
	}
	// If a mask of several bits did not match, facts cannot express what that shows, so the rules
	// themselves record it.
	hitRules, missRules := rules, rules
	if n.kind == needMask && op == bpf.JumpEqual {
		hitRules, missRules = answered(rules, n, true), answered(rules, n, false)
	} else if n.kind == needMask && n.k == 0 {
		hitRules = answered(rules, n, false)
	}
	t := b.walk(hitRules, hit)
	if t == nil {
		return nil
	}
	e := b.walk(missRules, miss)
	if e == nil {
		return nil
	}
	return b.g.test(offsetOf(word), mask, op, k, t, e)
}

// answered records the outcome of a test of a mask in every rule that needs the same test.
func answered(rules []todo, n need, holds bool) []todo {
	var out []todo
next:
	for _, r := range rules {
		left := todo{then: r.then}
		for _, m := range r.needs {
			if m.kind == n.kind && m.word == n.word && m.mask == n.mask && m.k == n.k {
				if holds == m.not {
					continue next
				}
				continue
			}
			left.needs = append(left.needs, m)
		}
		out = append(out, left)
	}
	return out
}

// sharedBits returns the single bits that the first rules test, one each and nothing else, for
// the same verdict.
func sharedBits(rules []todo) (bits uint32, count int) {
	first := rules[0].needs[0]
	for _, r := range rules {
		if len(r.needs) != 1 || r.then != rules[0].then {
			break
		}
		n := r.needs[0]
		single := n.kind == needMask && !n.not && n.k == n.mask && n.mask&(n.mask-1) == 0
		any := n.kind == needMask && n.not && n.k == 0
		if n.word != first.word || !(single || any) {
			break
		}
		bits |= n.mask
		count++
	}
	return bits, count
}

// oneWord returns a tree of ranges for rules that test only one word, with `==` and `>=`. It
// returns nil if they test more.
func (b *argBuilder) oneWord(rules []todo, f facts) *node {
	word, count := rules[0].needs[0].word, 0
	known := &f[word]
	starts := []uint32{known.min}
	start := func(k uint32) {
		if k > known.min && k <= known.max {
			starts = append(starts, k)
		}
	}
	for _, r := range rules {
		for _, n := range r.needs {
			if n.word != word || (n.kind != needEQ && n.kind != needGE) {
				return nil
			}
			count++
			start(n.k)
			if n.kind == needEQ && n.k != noMask {
				start(n.k + 1)
			}
		}
	}
	if count < 2 {
		return nil
	}
	sort.Slice(starts, func(i, j int) bool { return starts[i] < starts[j] })
	var spans []span
	for i, from := range starts {
		if i > 0 && from == starts[i-1] {
			continue
		}
		here := f
		here[word] = fact{min: from, max: from}
		to := b.g.verdict(b.otherwise)
		if r := here.prune(rules); len(r) > 0 {
			to = b.g.verdict(r[0].then)
		}
		spans = append(spans, span{from: from, weight: 1 / float64(len(starts)), to: to})
	}
	return b.g.tree(offsetOf(word), spans)
}

// chain compiles the rules with the other method: from the last rule to the first, each condition
// is tested in full. The result's size is linear.
func (g *graph) chain(rules []todo, otherwise verdict) *node {
	fail := g.verdict(otherwise)
	for i := len(rules) - 1; i >= 0; i-- {
		pass := g.verdict(rules[i].then)
		for j := len(rules[i].needs) - 1; j >= 0; j-- {
			pass = g.need(rules[i].needs[j], pass, fail)
		}
		fail = pass
	}
	return fail
}

func (g *graph) need(n need, pass, fail *node) *node {
	if n.not {
		pass, fail = fail, pass
	}
	low, high := offsetOf(n.word), offsetOf(n.word)+4
	switch n.kind {
	case needEQ:
		return g.test(low, noMask, bpf.JumpEqual, n.k, pass, fail)
	case needGE:
		return g.test(low, noMask, bpf.JumpGreaterOrEqual, n.k, pass, fail)
	case needPairEQ:
		return g.test(high, noMask, bpf.JumpEqual, n.high, g.test(low, noMask, bpf.JumpEqual, n.k, pass, fail), fail)
	case needPairGE:
		equal := g.test(low, noMask, bpf.JumpGreaterOrEqual, n.k, pass, fail)
		return g.test(high, noMask, bpf.JumpGreaterThan, n.high, pass, g.test(high, noMask, bpf.JumpEqual, n.high, equal, fail))
	}
	switch {
	case n.k&^n.mask != 0:
		return fail
	case n.mask == 0:
		return pass
	case n.k == 0:
		return g.test(low, noMask, bpf.JumpBitsSet, n.mask, fail, pass)
	case n.k == n.mask && n.mask&(n.mask-1) == 0:
		return g.test(low, noMask, bpf.JumpBitsSet, n.mask, pass, fail)
	}
	return g.test(low, n.mask, bpf.JumpEqual, n.k, pass, fail)
}
