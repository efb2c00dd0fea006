// The filter compiler, compared with the policy's own evaluator: random policies, and random
// calls whose numbers and arguments are close to those in the policy.

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// drawer draws random calls close to a policy's numbers and constants, where filters go wrong.
type drawer struct {
	r      *rand.Rand
	archs  []uint32
	nrs    []uint32
	values []uint64
	call   map[[2]uint32]*[6][]uint64 // by architecture and number: the values that the call's rules compare with
	keys   [][2]uint32
}

// newDrawer returns a drawer for a policy. The same seed gives the same calls.
func newDrawer(p *policy, seed uint64) *drawer {
	d := &drawer{r: rand.New(rand.NewPCG(seed, 1)), call: map[[2]uint32]*[6][]uint64{}}
	d.archs = []uint32{unix.AUDIT_ARCH_PPC64LE, 0, noMask}
	d.nrs = []uint32{0, 1, x32Bit - 1, x32Bit, x32Bit + 1, 2 * x32Bit, noCall - 1, noCall}
	d.values = []uint64{0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	for i := range abis {
		d.archs = append(d.archs, abis[i].audit)
	}
	for _, a := range p.abis {
		for range 8 {
			d.archs = append(d.archs, a.abi.audit)
		}
		d.nrs = append(d.nrs, a.newer+a.abi.bit, a.newer+a.abi.bit-1, armPrivate-1, armPrivate)
		for _, c := range a.calls {
			d.nrs = append(d.nrs, c.nr, c.nr-1, c.nr+1)
			for _, r := range c.rules {
				for _, w := range r.when {
					key := [2]uint32{a.abi.audit, c.nr}
					if d.call[key] == nil {
						d.call[key] = new([6][]uint64)
						d.keys = append(d.keys, key)
					}
					vs := &d.call[key][w.arg]
					*vs = append(*vs, w.value, w.value-1, w.value+1, w.mask, ^w.mask, w.value|^w.mask, w.value^1<<32)
				}
			}
		}
	}
	return d
}

// next draws a call.
func (d *drawer) next(c *sysCall) {
	r := d.r.Uint64()
	c.arch = d.archs[uint32(r)%uint32(len(d.archs))]
	c.nr = d.nrs[uint32(r>>32)%uint32(len(d.nrs))]
	var near *[6][]uint64
	if len(d.keys) > 0 && r&0x30000000000 != 0 { // mostly a call whose arguments matter
		key := d.keys[uint32(r>>42)%uint32(len(d.keys))]
		c.arch, c.nr = key[0], key[1]
		near = d.call[key]
	}
	for i := range c.args {
		r := d.r.Uint64()
		from := d.values
		if near != nil && len(near[i]) > 0 && r&7 != 0 {
			from = near[i]
		}
		v := from[(r>>8&0xffff)%uint64(len(from))]
		switch r >> 4 & 15 {
		case 0:
			v ^= 1 << (r >> 58)
		case 1:
			v += r>>58 - 32
		case 2:
			v ^= r >> 32 << 32 // any upper half
		case 3:
			v = v&^0xffffffff | r>>32
		case 4:
			v &= 0xffffffff
		}
		c.args[i] = v
	}
}

// firstDifference compares a filter with its policy over n calls, and returns the first difference.
func firstDifference(p *policy, prog []unix.SockFilter, n int, seed uint64) error {
	d := newDrawer(p, seed)
	var c sysCall
	for range n {
		d.next(&c)
		want, _ := p.eval(c)
		got, _, err := runFilter(prog, &c)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%+v: the filter says %v, the policy %v", c, got, want)
		}
	}
	return nil
}

// randomPolicy returns a policy of many calls and few constants, so that its rules overlap,
// contradict and repeat each other.
func randomPolicy(r *rand.Rand) *policy {
	p := &policy{name: "random"}
	verdicts := []verdict{allow, killProcess, refuse(1), refuse(38), unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRAP}
	families := [][]int{{0}, {0, 1}, {0, 2}, {0, 1, 2}, {3}, {3, 4}, {5}}
	pick := func() verdict { return verdicts[r.IntN(len(verdicts))] }
	constants := []uint64{0, 1, 2, 3, 0x80000000, 0xffffffff, 1 << 32, 1<<32 + 1, 1<<32 | 0xffffffff, 5 << 32, 1 << 63, 1<<64 - 1, 0x5412, 0xc00, 0x800, 0x400}
	value := func() uint64 {
		if r.IntN(6) == 0 {
			return r.Uint64() >> r.IntN(64)
		}
		return constants[r.IntN(len(constants))]
	}
	for _, i := range families[r.IntN(len(families))] {
		a := &abiPolicy{abi: &abis[i], otherwise: pick()}
		if r.IntN(2) == 0 {
			a.newer = 300 + r.Uint32N(200)
		}
		for range 1 + r.IntN(60) {
			nr := r.Uint32N(480) + a.abi.bit
			if r.IntN(4) == 0 { // rules on single bits with the same verdict, which the compiler joins to one test
				then, bit := pick(), r.IntN(30)
				for i := range 2 {
					c := cond{op: opMaskedEQ, mask: 1 << (bit + i), value: 1 << (bit + i), cut: a.abi.narrow || r.IntN(2) == 0}
					a.addNumber(nr, a.abi.call(nr), rule{when: []cond{c}, then: then})
				}
				m := uint64(7) << bit & noMask
				c := cond{op: opMaskedEQ, mask: m, value: r.Uint64() & m, cut: true}
				a.addNumber(nr, a.abi.call(nr), rule{when: []cond{c}, then: pick()})
			}
			for range 1 + r.IntN(5) {
				u := rule{then: pick()}
				if r.IntN(3) > 0 {
					for range 1 + r.IntN(4) {
						c := cond{arg: r.IntN(3), op: compareOp(r.IntN(8)), value: value(), mask: noMask << 32 & r.Uint64() >> r.IntN(64)}
						if r.IntN(2) == 0 {
							c.mask = value()
						}
						if c.op == opMaskedEQ && r.IntN(8) > 0 {
							c.value &= c.mask
						}
						if a.abi.narrow || r.IntN(3) == 0 {
							c.cut = true
						}
						if a.abi.narrow {
							c.value, c.mask = uint64(uint32(c.value)), uint64(uint32(c.mask))
						}
						u.when = append(u.when, c)
					}
				}
				a.addNumber(nr, a.abi.call(nr), u)
			}
		}
		p.abis = append(p.abis, a)
	}
	return p
}

// TestRandomPolicies compares the filters of random policies with the policies.
func TestRandomPolicies(t *testing.T) {
	policies := 600
	if testing.Short() {
		policies = 60
	}
	longest := 0
	for seed := range policies {
		p := randomPolicy(rand.New(rand.NewPCG(uint64(seed), 2)))
		for _, linear := range []bool{false, true} {
			prog, err := p.assemble(linear)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			longest = max(longest, len(prog))
			if err := firstDifference(p, prog, 3000, uint64(seed)); err != nil {
				t.Fatalf("seed %d, linear %v: %v\n%s", seed, linear, err, p)
			}
		}
	}
	t.Logf("%d policies, the longest filter %d instructions", policies, longest)
}

// TestInterpreter compares our interpreter of filters with that of golang.org/x/net/bpf, which
// reads words in big-endian order.
func TestInterpreter(t *testing.T) {
	for seed := range 40 {
		p := randomPolicy(rand.New(rand.NewPCG(uint64(seed), 3)))
		prog, err := p.assemble(false)
		if err != nil {
			t.Fatal(err)
		}
		var insns []bpf.Instruction
		for _, in := range prog {
			insns = append(insns, bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}.Disassemble())
		}
		vm, err := bpf.NewVM(insns)
		if err != nil {
			t.Fatal(err)
		}
		d := newDrawer(p, uint64(seed))
		var c sysCall
		for range 2000 {
			d.next(&c)
			data := make([]byte, sdSize)
			binary.BigEndian.PutUint32(data[offNr:], c.nr)
			binary.BigEndian.PutUint32(data[offArch:], c.arch)
			for i, v := range c.args {
				binary.BigEndian.PutUint32(data[offLow(i):], uint32(v))
				binary.BigEndian.PutUint32(data[offHigh(i):], uint32(v>>32))
			}
			want, err := vm.Run(data)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := runFilter(prog, &c)
			if err != nil || got != verdict(want) {
				t.Fatalf("seed %d, %+v: %v (%v), x/net/bpf says %v", seed, c, got, err, verdict(want))
			}
		}
	}
}
