// Chapter 13: the policy's own answer for one call. It is the definition with which compiled
// filters are compared. It does not know BPF, words or jumps, and is written to be read. The
// tests compare it with the filter over millions of calls, and `tincan seccomp eval` prints both
// answers if they differ.

package main

// sysCall is what a filter sees of a call: struct seccomp_data, without the instruction pointer.
type sysCall struct {
	nr   uint32
	arch uint32 // AUDIT_ARCH_*
	args [6]uint64
}

// eval returns the verdict for one call, and the rule that decided, or nil if none did.
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

// judge returns the part of the policy that applies to a call, or nil if the policy does not
// list its ABI.
func (p *policy) judge(c sysCall) *abiPolicy {
	for _, a := range p.abis {
		if a.abi.audit == c.arch && a.abi.owns(c.nr) {
			return a
		}
	}
	return nil
}

// owns distinguishes x86_64 and x32, which share an AUDIT_ARCH. The number -1 (see noCall)
// belongs to the native ABI.
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

// holds reports whether an argument's value meets the condition.
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
