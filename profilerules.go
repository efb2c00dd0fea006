// Chapter 13: from the entries of a profile, which profile.go has read, to the rules of each ABI
// that the profile lists.
//
// man 3 seccomp_arch_add, man 2 socketcall, man 2 ipc.
//
// The result must be what runc and libseccomp make of the profile, even where that is weak. The
// lint (seccomplint.go) reports such weaknesses.

package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// otherArchitectures lists architectures that profiles may name but tincan has no tables for. No
// kernel that tincan runs on runs their programs.
const otherArchitectures = "SCMP_ARCH_NATIVE SCMP_ARCH_MIPS SCMP_ARCH_MIPS64 SCMP_ARCH_MIPS64N32 " +
	"SCMP_ARCH_MIPSEL SCMP_ARCH_MIPSEL64 SCMP_ARCH_MIPSEL64N32 SCMP_ARCH_PPC SCMP_ARCH_PPC64 SCMP_ARCH_PPC64LE " +
	"SCMP_ARCH_S390 SCMP_ARCH_S390X SCMP_ARCH_PARISC SCMP_ARCH_PARISC64 SCMP_ARCH_LOONGARCH64 SCMP_ARCH_M68K " +
	"SCMP_ARCH_SH SCMP_ARCH_SHEB"

// architectures sets up the ABIs: the native one always, other ABIs of the same kernel if the
// profile lists them.
func (b *profileReader) architectures(o jsonObject) error {
	plain, mapped := o.given("architectures"), o.given("archMap")
	if plain != nil && mapped != nil {
		return mapped.wrong("given together with architectures: give only one of them")
	}
	listed, err := plain.list()
	if err != nil {
		return err
	}
	entries, err := mapped.list()
	if err != nil {
		return err
	}
	for _, e := range entries {
		m, err := e.object("architecture", "subArchitectures")
		if err != nil {
			return err
		}
		if m.given("architecture") == nil {
			return e.wrong("architecture is missing")
		}
		subs, err := m.given("subArchitectures").list()
		if err != nil {
			return err
		}
		for _, v := range append([]*jsonValue{m.given("architecture")}, subs...) {
			if _, err := architecture(v); err != nil {
				return err
			}
		}
		if m.given("architecture").v == b.native.scmp {
			listed = append(listed, subs...)
		}
	}
	want := map[*abi]bool{b.native: true}
	for _, v := range listed {
		a, err := architecture(v)
		if err != nil {
			return err
		}
		if a != nil && a.family == b.native.family {
			want[a] = true
		} else if v.v != "SCMP_ARCH_NATIVE" {
			b.p.notes = append(b.p.notes, fmt.Sprintf("%v is left out, because an %s kernel does not run such programs", v.v, b.native.name))
		}
	}
	for i := range abis {
		if want[&abis[i]] {
			b.p.abis = append(b.p.abis, &abiPolicy{abi: &abis[i], otherwise: b.otherwise})
		}
	}
	return nil
}

// architecture returns nil for an architecture that libseccomp knows and tincan does not.
func architecture(v *jsonValue) (*abi, error) {
	s, err := v.string()
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range abis {
		if abis[i].scmp == s {
			return &abis[i], nil
		}
		names = append(names, abis[i].scmp)
	}
	if slices.Contains(strings.Fields(otherArchitectures), s) {
		return nil, nil
	}
	return nil, v.wrong("%q is neither one of %s nor another architecture that libseccomp knows", s, strings.Join(names, ", "))
}

// multiplexed lists the calls that i386 has twice: sockets and System V IPC have calls of their
// own, and are also behind socketcall and ipc, whose first argument selects the call. A rule for
// one form is a rule for the other.
var multiplexed = []struct {
	call  string
	names string // in the order of their numbers; - for unused numbers
	first uint64
}{
	{"socketcall", "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown " +
		"setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg", 1},
	{"ipc", "semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - - - - - - shmat shmdt shmget shmctl", 1},
}

// subcallOf is the entry of multiplexed for one name.
type subcallOf struct {
	call   string
	number uint64
}

var (
	subcallTable map[string]subcallOf
	subcallsOnce sync.Once
)

func subcalls() map[string]subcallOf {
	subcallsOnce.Do(readSubcalls)
	return subcallTable
}

func readSubcalls() {
	subcallTable = map[string]subcallOf{}
	for _, m := range multiplexed {
		for i, name := range strings.Fields(m.names) {
			subcallTable[name] = subcallOf{m.call, m.first + uint64(i)}
		}
	}
	delete(subcallTable, "-")
}

// add adds the rules for a name to every ABI that has the call.
func (b *profileReader) add(name string, then verdict, alternatives [][]cond, where string) {
	for _, a := range b.p.abis {
		_, there := a.abi.number(name)
		sub, muxed := subcalls()[name]
		muxed = muxed && a.abi.name == "x86"
		for _, conds := range alternatives {
			when := b.adapt(a.abi, name, conds)
			if there {
				a.add(name, rule{when: when, then: then, why: where})
			}
			if !muxed {
				continue
			}
			// The arguments are in memory, which a filter cannot read. As in libseccomp, the test
			// of the subcall's number replaces the conditions, so a profile's `socket` with
			// conditions is one without them here.
			behind := []cond{{op: opEQ, cut: true, value: sub.number}}
			for _, c := range when {
				if c.arg != 0 {
					behind = append(behind, c)
				}
			}
			a.add(sub.call, rule{when: behind, then: then, why: where + ", as " + name, loose: len(when) > 0})
		}
	}
}

// adapt changes conditions for an ABI: "on 32-bit architectures only the low 32 bits of both
// sides are compared".
func (b *profileReader) adapt(a *abi, name string, conds []cond) []cond {
	out := slices.Clone(conds)
	for i := range out {
		c := &out[i]
		switch {
		case a.narrow:
			c.cut, c.value, c.mask = true, uint64(uint32(c.value)), uint64(uint32(c.mask))
		case b.strictInts && isInt(name, c.arg):
			c.cut = true
			if int64(c.value) == int64(int32(c.value)) { // a negative int, written with 64 bits
				c.value = uint64(uint32(c.value))
			}
			if c.op == opMaskedEQ {
				c.value, c.mask = uint64(uint32(c.value)), uint64(uint32(c.mask))
			}
		}
	}
	return out
}

// mostRules is how many rules a profile may have for one call. Each rule needs at least one
// instruction, of which a filter may have 4,096, and all rules are compared with each other.
const mostRules = 1000

// finish orders the rules of each call, warns about contradictions, and determines the newest
// call that the profile knows.
func (b *profileReader) finish() error {
	for _, a := range b.p.abis {
		for i := range a.calls {
			c := &a.calls[i]
			if len(c.rules) > mostRules {
				return fmt.Errorf("%d rules for %s, but at most %d are allowed, because a filter can have at most %d instructions", len(c.rules), c.name, mostRules, maxFilter)
			}
			c.rules = b.settle(a, c)
		}
		if b.otherwise.permits() || b.otherwise == refuse(unix.ENOSYS) {
			continue
		}
		for name := range b.named {
			if nr, ok := a.abi.number(name); ok && nr < a.privateFrom() {
				a.newer = max(a.newer, nr-a.abi.bit+1)
			}
		}
	}
	names := make([]string, 0, len(b.named))
	for name := range b.named {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, a := range b.p.abis {
		var unknown []string
		for _, name := range names {
			_, there := a.abi.number(name)
			_, muxed := subcalls()[name]
			if !there && !(muxed && a.abi.name == "x86") {
				unknown = append(unknown, name)
			}
		}
		if len(unknown) > 0 {
			b.p.notes = append(b.p.notes, fmt.Sprintf("%s has no %s", a.abi.name, strings.Join(unknown, ", ")))
		}
	}
	return nil
}

// settle puts a rule without conditions before all others, and removes repetitions.
func (b *profileReader) settle(a *abiPolicy, c *callRules) []rule {
	var out []rule
	for _, r := range c.rules {
		if len(r.when) == 0 {
			for _, s := range c.rules {
				if len(s.when) == 0 && s.then != r.then {
					b.warn("%s: %s (%s) and %s (%s) both have no conditions: the first one wins", c.name, r.then, r.why, s.then, s.why)
				}
			}
			return []rule{r}
		}
		if !slices.ContainsFunc(out, func(s rule) bool { return s.then == r.then && slices.Equal(s.when, r.when) }) {
			out = append(out, r)
		}
	}
	if a.abi == b.native { // the rules of the other ABIs are the same
		for i, r := range out {
			for _, s := range out[i+1:] {
				if r.then != s.then && overlapping(r, s) {
					b.warn("%s: %s (%s) and %s (%s) can both hold: the first one wins", c.name, r, r.why, s, s.why)
				}
			}
		}
	}
	return out
}

func (b *profileReader) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(b.warnings, text) {
		b.warnings = append(b.warnings, text)
	}
}

// overlapping reports whether some arguments may satisfy both rules. It looks at one pair of
// conditions at a time, so it may return true where no such arguments exist.
func overlapping(r, s rule) bool {
	for _, c := range r.when {
		for _, d := range s.when {
			if c.arg == d.arg && c.excludes(d) {
				return false
			}
		}
	}
	return true
}

// excludes reports whether no value satisfies both conditions.
func (c cond) excludes(d cond) bool {
	if d.op == opEQ {
		c, d = d, c
	}
	if c.op == opEQ {
		return !d.holds(c.value)
	}
	if c.op == opMaskedEQ && d.op == opMaskedEQ {
		return (c.value^d.value)&c.mask&d.mask != 0
	}
	cl, ch, cok := c.bounds()
	dl, dh, dok := d.bounds()
	return cok && dok && (cl > dh || dl > ch)
}

// bounds returns the smallest and the greatest value that satisfy a comparison by size. ok is
// false for `< 0` and `> all ones`, which no value satisfies.
func (c cond) bounds() (lo, hi uint64, ok bool) {
	switch c.op {
	case opLT:
		return 0, c.value - 1, c.value > 0
	case opLE:
		return 0, c.value, true
	case opGE:
		return c.value, 1<<64 - 1, true
	case opGT:
		return c.value + 1, 1<<64 - 1, c.value < 1<<64-1
	}
	return 0, 0, false
}
