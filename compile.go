package main

// Chapter 13: the compiler, from a policy to the kernel's classic BPF.
// man 2 seccomp, the kernel's Documentation/userspace-api/seccomp_filter.rst and net/core/filter.c (bpf_check_classic).
//
// The policy becomes a graph of tests that ends in verdicts: first the architecture, then the number through a tree of
// ranges (compiletree.go), then the arguments, for the few calls where they matter (compileargs.go). Equal parts of the graph are
// one part. The graph is written out from its end to its beginning, so that every jump goes to what is already placed.
//
// The kernel runs each new filter once over all numbers, without arguments, and notes the calls that it allows whatever
// the arguments (kernel/seccomp.c, seccomp_is_const_allow): those never run the filter again. It follows only loads of the
// number and the architecture, the jumps and the AND used here, and verdicts; so nothing else stands before one.
//
// Differs from the tutorial: libseccomp compiles there, to a list that is walked from its head for every call.

import (
	"fmt"
	"sort"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// maxFilter is BPF_MAXINSNS: the kernel takes no longer filter.
const maxFilter = 4096

// A node is a test or, without branches, a verdict.
type node struct {
	nodeKey
	id int
}

type nodeKey struct {
	word uint32 // offset in seccomp_data
	mask uint32 // the word is cut to these bits first; all ones for none
	op   bpf.JumpTest
	k    uint32
	t, f *node // nil in a verdict
	then verdict
}

// A graph holds each node once, so that equal tails are shared however they came about.
type graph struct {
	nodes  map[nodeKey]*node
	linear bool // arguments one rule after the other: longer to run, never large
	notify bool // see policy
}

func (g *graph) node(k nodeKey) *node {
	if n := g.nodes[k]; n != nil {
		return n
	}
	n := &node{k, len(g.nodes)}
	g.nodes[k] = n
	return n
}

func (g *graph) verdict(v verdict) *node {
	if g.notify && v.action() == unix.SECCOMP_RET_ERRNO {
		v = unix.SECCOMP_RET_USER_NOTIF
	}
	return g.node(nodeKey{then: v})
}

// test branches on a word; a test whose outcome does not matter is none.
func (g *graph) test(word, mask uint32, op bpf.JumpTest, k uint32, t, f *node) *node {
	if t == f {
		return t
	}
	return g.node(nodeKey{word: word, mask: mask, op: op, k: k, t: t, f: f})
}

const noMask = 0xffffffff

// compile gives the filter as seccomp(2) takes it.
func (p *policy) compile() ([]unix.SockFilter, error) {
	prog, err := p.assemble(false)
	if err == nil && len(prog) > maxFilter {
		// Tests that know what was tested before are fewer on the way but may be more in number.
		prog, err = p.assemble(true)
	}
	if err != nil {
		return nil, fmt.Errorf("seccomp %s: %w", p.name, err)
	}
	if len(prog) > maxFilter {
		return nil, fmt.Errorf("seccomp %s: the filter would have %d instructions, the kernel takes %d (BPF_MAXINSNS): name fewer architectures or conditions",
			p.name, len(prog), maxFilter)
	}
	return prog, nil
}

func (p *policy) assemble(linear bool) ([]unix.SockFilter, error) {
	g := &graph{nodes: make(map[nodeKey]*node, 512), linear: linear, notify: p.notify}
	w := &writer{at: make(map[spot]int, 512)}
	w.entry(p.root(g), noWord)
	return w.finish()
}

// root is the test of the architecture, an unlisted one's verdict last: "a process may be killed for using the wrong
// system call table" is the manual's advice, since the numbers mean other calls there.
func (p *policy) root(g *graph) *node {
	root := g.verdict(killProcess)
	for i := len(p.abis) - 1; i >= 0; i-- {
		a := p.abis[i]
		if a.abi.bit != 0 && p.abi(a.abi.native()) != nil {
			continue // its numbers stand in its native ABI's tree
		}
		root = g.test(offArch, noMask, bpf.JumpEqual, a.abi.audit, g.tree(offNr, p.numbers(g, a)), root)
	}
	return root
}

// numbers lays out all of a's numbers as spans: what to do from each number on. With x86_64 go x32's, listed or not.
func (p *policy) numbers(g *graph, a *abiPolicy) []span {
	if a.abi.audit != abis[0].audit {
		return a.spans(g, nil, 0, noCall)
	}
	var spans []span
	if a.abi.bit != 0 {
		spans = []span{{from: 0, to: g.verdict(killProcess)}}
		return append(a.spans(g, spans, x32Bit, noCall-1), span{from: noCall, to: g.verdict(killProcess)})
	}
	spans = a.spans(g, nil, 0, x32Bit-1)
	x32 := p.abi(&abis[2])
	if x32 == nil {
		spans = append(spans, span{from: x32Bit, to: g.verdict(killProcess)})
	} else {
		// A tree of its own: the time to find the best one grows with the square of the ranges.
		spans = append(spans, span{from: x32Bit, to: g.tree(offNr, x32.spans(g, nil, x32Bit, noCall-1))})
	}
	return append(spans, span{from: noCall, to: g.verdict(a.fallback(noCall))})
}

// spans appends a's numbers from first to last, each call with its weight.
func (a *abiPolicy) spans(g *graph, spans []span, first, last uint32) []span {
	// Where no call is named, the verdict changes only at these numbers.
	bounds := []uint32{first}
	if a.newer != 0 {
		bounds = append(bounds, a.newer+a.abi.bit, a.privateFrom(), noCall)
	}
	fill := func(from, to uint32) { // the numbers from..to have no rules
		for i, b := range bounds {
			end := last
			if i+1 < len(bounds) {
				end = bounds[i+1] - 1
			}
			if lo, hi := max(from, b), min(to, end); lo <= hi && b <= hi {
				spans = append(spans, span{from: lo, weight: a.gapWeight(lo, hi), to: g.verdict(a.fallback(lo))})
			}
		}
	}
	next := uint64(first)
	for _, c := range a.calls {
		if c.nr < first || c.nr > last {
			continue
		}
		if uint64(c.nr) > next {
			fill(uint32(next), c.nr-1)
		}
		spans = append(spans, span{from: c.nr, weight: a.weight(c.name), to: g.rules(c.rules, a.fallback(c.nr))})
		next = uint64(c.nr) + 1
	}
	if next <= uint64(last) {
		fill(uint32(next), last)
	}
	return spans
}

// weight is a call's, but nothing for x32's calls: they stand in one tree with x86_64's, and hardly anyone makes them.
func (a *abiPolicy) weight(name string) float64 {
	if a.abi.bit != 0 {
		return 0
	}
	return weightOf(name)
}

// gapWeight is how often the calls from..to occur, which the policy does not name.
func (a *abiPolicy) gapWeight(from, to uint32) (w float64) {
	a.abi.load()
	names := a.abi.names
	for i := sort.Search(len(names), func(i int) bool { return names[i].nr >= from }); i < len(names) && names[i].nr <= to; i++ {
		w += a.weight(names[i].name)
	}
	return w
}

// A writer places nodes, the last instruction first.
type writer struct {
	rev []bpf.Instruction // the program, backwards
	at  map[spot]int      // where in rev a node can be entered
}

// A spot is a node and what the accumulator holds on entry.
type spot struct {
	n    *node
	have uint32
}

// noWord: the accumulator holds nothing that a test could use.
const noWord = 0xffffffff

// entry writes a node and all below it, and gives its place.
func (w *writer) entry(n *node, have uint32) int {
	if n.t == nil || (have != n.word) {
		have = noWord
	}
	if i, ok := w.at[spot{n, have}]; ok {
		return i
	}
	if n.t == nil {
		return w.put(spot{n, have}, bpf.RetConstant{Val: uint32(n.then)})
	}
	after := n.word
	if n.mask != noMask {
		after = noWord
	}
	w.entry(n.f, after)
	w.entry(n.t, after)
	// Either may have been placed long before, and moving one into reach moves the other away.
	w.reach(n.t, after, 2)
	w.reach(n.f, after, 1)
	t, f := w.reach(n.t, after, 0), w.reach(n.f, after, 0)
	top := len(w.rev)
	jump := bpf.JumpIf{Cond: n.op, Val: n.k, SkipTrue: uint8(top - t - 1), SkipFalse: uint8(top - f - 1)}
	i := w.put(spot{n, n.word}, jump)
	if n.mask != noMask {
		i = w.put(spot{n, n.word}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: n.mask})
	}
	if have == n.word {
		return i
	}
	return w.put(spot{n, noWord}, bpf.LoadAbsolute{Off: n.word, Size: 4})
}

func (w *writer) put(p spot, in bpf.Instruction) int {
	w.rev = append(w.rev, in)
	w.at[p] = len(w.rev) - 1
	return len(w.rev) - 1
}

// reach gives a place of n that a jump placed next, or `more` instructions later, can skip to: 255 instructions are the
// most. A verdict out of reach is written again, anything else gets a long jump (BPF_JA) to it.
func (w *writer) reach(n *node, have uint32, more int) int {
	if n.t == nil || have != n.word {
		have = noWord
	}
	p := spot{n, have}
	i := w.at[p]
	switch {
	case len(w.rev)+more-i-1 <= 255:
		return i
	case n.t == nil:
		return w.put(p, bpf.RetConstant{Val: uint32(n.then)})
	}
	return w.put(p, bpf.Jump{Skip: uint32(len(w.rev) - i - 1)})
}

// finish turns the program round.
func (w *writer) finish() ([]unix.SockFilter, error) {
	prog := make([]unix.SockFilter, len(w.rev))
	for i, in := range w.rev {
		raw, err := in.Assemble()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", in, err)
		}
		prog[len(prog)-1-i] = unix.SockFilter{Code: raw.Op, Jt: raw.Jt, Jf: raw.Jf, K: raw.K}
	}
	return prog, nil
}
