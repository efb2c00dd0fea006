// Chapter 13: the compiler, from a policy to the kernel's classic BPF.
// man 2 seccomp, the kernel's Documentation/userspace-api/seccomp_filter.rst and
// net/core/filter.c (bpf_check_classic).
//
// The policy becomes a graph of tests that ends in verdicts. The architecture is tested first,
// then the number by a tree of ranges (compiletree.go), then the arguments, for the few calls
// where they matter (compileargs.go). Equal parts of the graph are stored once. The graph is
// written from its end to its beginning, so that every jump leads to something already placed.
//
// When a filter is installed, the kernel runs it once for each number, without arguments, and
// remembers the calls that it allows with any arguments (kernel/seccomp.c,
// seccomp_is_const_allow). Those never run the filter again. In this run the kernel understands
// only loads of the number and the architecture, the jumps and the AND used here, and verdicts.
// So no other instruction comes before an argument is loaded.
//
// Differs from the tutorial: there, libseccomp compiles the filter to a list that is searched
// from its beginning for every call.

package main

import (
	"fmt"
	"sort"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// maxFilter is BPF_MAXINSNS, the length of the longest filter that the kernel accepts.
const maxFilter = 4096

// node is a test or, without branches, a verdict.
type node struct {
	nodeKey
	id int
}

type nodeKey struct {
	word uint32 // the offset in seccomp_data
	mask uint32 // the bits of the word that are compared; all ones for the whole word
	op   bpf.JumpTest
	k    uint32
	t, f *node // nil in a verdict
	then verdict
}

// graph stores each node once, so that equal ends are shared, however they came about.
type graph struct {
	nodes  map[nodeKey]*node
	linear bool // test the rules of a call one after another: slower, but never large
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

// verdict returns the node that ends with a verdict.
func (g *graph) verdict(v verdict) *node {
	if g.notify && v.action() == unix.SECCOMP_RET_ERRNO {
		v = unix.SECCOMP_RET_USER_NOTIF
	}
	return g.node(nodeKey{then: v})
}

// test returns a node that branches on a word. A test whose two branches are equal is left out.
func (g *graph) test(word, mask uint32, op bpf.JumpTest, k uint32, t, f *node) *node {
	if t == f {
		return t
	}
	return g.node(nodeKey{word: word, mask: mask, op: op, k: k, t: t, f: f})
}

// noMask is the mask that keeps all bits of a word.
const noMask = 0xffffffff

// compile returns the filter as seccomp(2) accepts it.
func (p *policy) compile() ([]unix.SockFilter, error) {
	prog, err := p.assemble(false)
	if err == nil && len(prog) > maxFilter {
		// Tests that use what earlier tests found are fewer on each path, but may be more in
		// total.
		prog, err = p.assemble(true)
	}
	if err != nil {
		return nil, fmt.Errorf("seccomp %s: %w", p.name, err)
	}
	if len(prog) > maxFilter {
		return nil, fmt.Errorf("seccomp %s: the filter would have %d instructions, but the kernel accepts at most %d (BPF_MAXINSNS): list fewer architectures or conditions",
			p.name, len(prog), maxFilter)
	}
	return prog, nil
}

// assemble returns the filter. If linear is set, the calls are compared one after the other, as
// libseccomp does by default.
func (p *policy) assemble(linear bool) ([]unix.SockFilter, error) {
	g := &graph{nodes: make(map[nodeKey]*node, 512), linear: linear, notify: p.notify}
	w := &writer{at: make(map[spot]int, 512)}
	w.entry(p.root(g), noWord)
	return w.finish()
}

// root returns the test of the architecture. The verdict for architectures that are not listed
// comes last. It kills the process, as the manual advises, because the numbers mean other calls
// there.
func (p *policy) root(g *graph) *node {
	root := g.verdict(killProcess)
	for i := len(p.abis) - 1; i >= 0; i-- {
		a := p.abis[i]
		if a.abi.bit != 0 && p.abi(a.abi.native()) != nil {
			continue // its numbers are in the tree of its native ABI
		}
		root = g.test(offArch, noMask, bpf.JumpEqual, a.abi.audit, g.tree(offNr, p.numbers(g, a)), root)
	}
	return root
}

// numbers divides all numbers of a into spans, each with what to do for its numbers. The numbers
// of x32, listed or not, belong to x86_64.
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
		// x32 has a tree of its own: the time to find the best tree grows with the square of the
		// number of ranges.
		spans = append(spans, span{from: x32Bit, to: g.tree(offNr, x32.spans(g, nil, x32Bit, noCall-1))})
	}
	return append(spans, span{from: noCall, to: g.verdict(a.fallback(noCall))})
}

// spans appends the spans of a's numbers from first to last, with the weight of each call.
func (a *abiPolicy) spans(g *graph, spans []span, first, last uint32) []span {
	// Outside of named calls, the verdict changes only at these numbers.
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

// weight returns how often a call occurs. It is zero for x32's calls, which share a tree with
// x86_64's and hardly occur.
func (a *abiPolicy) weight(name string) float64 {
	if a.abi.bit != 0 {
		return 0
	}
	return weightOf(name)
}

// gapWeight returns how often the calls from..to occur, which the policy does not name.
func (a *abiPolicy) gapWeight(from, to uint32) (w float64) {
	a.abi.load()
	names := a.abi.names
	for i := sort.Search(len(names), func(i int) bool { return names[i].nr >= from }); i < len(names) && names[i].nr <= to; i++ {
		w += a.weight(names[i].name)
	}
	return w
}

// writer places nodes, the last instruction first.
type writer struct {
	rev []bpf.Instruction // the program in reverse order
	at  map[spot]int      // where in rev a node begins
}

// spot is a node, together with what the accumulator contains when it is reached.
type spot struct {
	n    *node
	have uint32
}

// noWord means that the accumulator contains nothing that a test could use.
const noWord = 0xffffffff

// entry places a node and all nodes below it, and returns its position.
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
	// Both branches may have been placed long before, and bringing one into reach moves the other
	// away.
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

// reach returns a position of n that a jump can reach if it is placed next, or `more`
// instructions later. A jump can skip at most 255 instructions. A verdict out of reach is placed
// again; for anything else a long jump (BPF_JA) to it is placed.
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

// finish reverses the program.
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
