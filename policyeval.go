package main

// Chapter 13: the policy's own answer for one call: the definition that a compiled filter is held against. It knows nothing of BPF, words
// or jumps, and is written for the reader: the tests run it beside the filter over millions of calls, and
// `tincan seccomp eval` prints both answers should they ever differ.

// A sysCall is what a filter sees of a call: struct seccomp_data, without the instruction pointer.
type sysCall struct {
	nr   uint32
	arch uint32 // AUDIT_ARCH_*
	args [6]uint64
}

// eval answers for one call; the rule that decided is nil where none did.
func (p *policy) eval(c sysCall) (verdict, *rule) {
	a := p.judge(c)
	if a == nil {
		return killProcess, nil
	}
	rules := a.rulesFor(c.nr)
	for i := range rules {
		if rules[i].holds(&c.args) {
			return rules[i].then, &rules[i]
		}
	}
	return a.fallback(c.nr), nil
}

// judge is the part of the policy that a call falls under: nil where the policy lists no such ABI.
func (p *policy) judge(c sysCall) *abiPolicy {
	for _, a := range p.abis {
		if a.abi.audit == c.arch && a.abi.owns(c.nr) {
			return a
		}
	}
	return nil
}

// owns tells x86_64 and x32 apart, which share an AUDIT_ARCH. The number -1 (see noCall) is the native one's.
func (a *abi) owns(nr uint32) bool {
	if a.audit != abis[0].audit {
		return true
	}
	return (nr >= x32Bit && nr != noCall) == (a.bit == x32Bit)
}

func (r *rule) holds(args *[6]uint64) bool {
	for _, c := range r.when {
		if !c.holds(args[c.arg]) {
			return false
		}
	}
	return true
}

func (c cond) holds(v uint64) bool {
	if c.cut {
		v = uint64(uint32(v))
	}
	switch c.op {
	case opNE:
		return v != c.value
	case opLT:
		return v < c.value
	case opLE:
		return v <= c.value
	case opEQ:
		return v == c.value
	case opGE:
		return v >= c.value
	case opGT:
		return v > c.value
	case opMaskedEQ:
		return v&c.mask == c.value
	case opAnyBit:
		return uint32(v&c.mask) != 0
	}
	return false
}
