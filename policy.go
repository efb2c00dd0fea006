// Chapter 13: the policy, which says what a filter must decide and not how. The tables of
// seccomp.go and the profiles of profile.go are read into a policy; compile.go compiles it, and
// policyeval.go answers questions about it.
//
// man 2 seccomp ("The return value ... is one of the following").
//
// For each ABI there is a verdict for every call, and for some calls a list of rules. The first
// rule whose conditions all hold gives the verdict.

package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// verdict is what a filter returns to the kernel: an action in the upper half, its data in the
// lower half.
type verdict uint32

// The verdicts that are used most.
const (
	allow       verdict = unix.SECCOMP_RET_ALLOW
	killProcess verdict = unix.SECCOMP_RET_KILL_PROCESS
)

// refuse returns the verdict with which a call fails with an errno and has no effect.
func refuse(errno unix.Errno) verdict { return unix.SECCOMP_RET_ERRNO | verdict(errno) }

// action returns the verdict without its data.
func (v verdict) action() verdict { return v &^ unix.SECCOMP_RET_DATA }

// data returns the verdict's data, for instance an errno.
func (v verdict) data() uint32 { return uint32(v & unix.SECCOMP_RET_DATA) }

// String returns the verdict as `tincan seccomp eval` prints it: ALLOW, ERRNO(1), KILL_PROCESS.
func (v verdict) String() string {
	switch v.action() {
	case unix.SECCOMP_RET_ALLOW:
		return "ALLOW"
	case unix.SECCOMP_RET_KILL_PROCESS:
		return "KILL_PROCESS"
	case unix.SECCOMP_RET_KILL_THREAD:
		return "KILL_THREAD"
	case unix.SECCOMP_RET_LOG:
		return "LOG"
	case unix.SECCOMP_RET_TRAP:
		return "TRAP"
	case unix.SECCOMP_RET_USER_NOTIF:
		return "USER_NOTIF"
	case unix.SECCOMP_RET_ERRNO:
		return fmt.Sprintf("ERRNO(%d)", v.data())
	case unix.SECCOMP_RET_TRACE:
		return fmt.Sprintf("TRACE(%d)", v.data())
	}
	return fmt.Sprintf("%#x", uint32(v))
}

// long returns the verdict, with the name of the errno beside its number.
func (v verdict) long() string {
	if v.action() == unix.SECCOMP_RET_ERRNO {
		if name := unix.ErrnoName(unix.Errno(v.data())); name != "" {
			return fmt.Sprintf("ERRNO(%d %s)", v.data(), name)
		}
	}
	return v.String()
}

// permits reports whether the call is made. For such a verdict, a mistake would be a security
// hole and not just a failure.
func (v verdict) permits() bool {
	return v.action() == unix.SECCOMP_RET_ALLOW || v.action() == unix.SECCOMP_RET_LOG || v.action() == unix.SECCOMP_RET_TRACE
}

// compareOp is a comparison of an argument. All comparisons are unsigned.
type compareOp uint8

// The comparisons. Most of them have libseccomp's names.
const (
	opNE compareOp = iota
	opLT
	opLE
	opEQ
	opGE
	opGT
	opMaskedEQ // (argument & mask) == value
	opAnyBit   // (low 32 bits & mask) != 0; used only in tincan's own tables, profiles cannot express it
)

var opSigns = [...]string{opNE: "!=", opLT: "<", opLE: "<=", opEQ: "==", opGE: ">=", opGT: ">"}

// cond is a condition on one argument.
type cond struct {
	arg   int // 0 to 5
	op    compareOp
	cut   bool   // only the low 32 bits of the argument are compared; the upper ones count as zero
	mask  uint64 // for opMaskedEQ and opAnyBit
	value uint64
}

func (c cond) String() string {
	name := fmt.Sprintf("a%d", c.arg)
	if c.cut {
		name = fmt.Sprintf("low(a%d)", c.arg)
	}
	switch c.op {
	case opMaskedEQ:
		return fmt.Sprintf("%s & %#x == %#x", name, c.mask, c.value)
	case opAnyBit:
		return fmt.Sprintf("%s & %#x != 0", name, c.mask)
	}
	return fmt.Sprintf("%s %s %#x", name, opSigns[c.op], c.value)
}

// rule gives its verdict to the calls for which all its conditions hold. A rule without
// conditions applies to every call.
type rule struct {
	when  []cond
	then  verdict
	why   string // a line for readers of `show`: the reason in the table, or the place in the profile
	chap  bool   // a row of the tutorial
	order int    // the position among all rules, as they were written
	loose bool   // from a rule of a profile that this ABI cannot express in full (socketcall); the lint reports it
}

func (r rule) String() string {
	if len(r.when) == 0 {
		return r.then.long()
	}
	texts := make([]string, len(r.when))
	for i, c := range r.when {
		texts[i] = c.String()
	}
	return r.then.long() + " if " + strings.Join(texts, " and ")
}

// callRules are the rules of one call. If none of them matches, the ABI's field otherwise
// applies.
type callRules struct {
	nr    uint32 // as in seccomp_data.nr, with x32's bit
	name  string
	rules []rule
}

// abiPolicy decides about the calls of one ABI.
type abiPolicy struct {
	abi       *abi
	otherwise verdict
	newer     uint32 // calls from this number on (without x32's bit) are newer than the policy and get ENOSYS; 0 means no such limit
	calls     []callRules
	rules     int // the number of rules that were added
}

// policy is the meaning of a whole filter. A call of an ABI that is not listed ends the process.
type policy struct {
	name  string
	flags uint // SECCOMP_FILTER_FLAG_* for seccomp(2)
	abis  []*abiPolicy
	notes []string // what the profile contains but this filter leaves out: unknown names, foreign architectures

	// If notify is set, every ERRNO is compiled into USER_NOTIF: the launcher is told about the
	// call and answers with the errno (seccomplog.go).
	notify bool
}

// add appends a rule to a call. It returns false if the ABI does not have the call, which is not
// an error.
func (a *abiPolicy) add(name string, r rule) bool {
	nr, ok := a.abi.number(name)
	if !ok {
		return false
	}
	a.addNumber(nr, name, r)
	return true
}

// addNumber adds a rule for a call. It keeps the calls in the order of their numbers.
func (a *abiPolicy) addNumber(nr uint32, name string, r rule) {
	i := sort.Search(len(a.calls), func(i int) bool { return a.calls[i].nr >= nr })
	if i == len(a.calls) || a.calls[i].nr != nr {
		a.calls = append(a.calls, callRules{})
		copy(a.calls[i+1:], a.calls[i:])
		a.calls[i] = callRules{nr: nr, name: name}
	}
	a.rules++
	r.order = a.rules
	a.calls[i].rules = append(a.calls[i].rules, r)
}

// first returns the position of the call's first rule among all rules, for printing in the order
// of writing.
func (c callRules) first() int {
	if len(c.rules) == 0 {
		return 0
	}
	return c.rules[0].order
}

// rulesFor returns the rules of a number, or nil if there are none.
func (a *abiPolicy) rulesFor(nr uint32) []rule {
	i := sort.Search(len(a.calls), func(i int) bool { return a.calls[i].nr >= nr })
	if i < len(a.calls) && a.calls[i].nr == nr {
		return a.calls[i].rules
	}
	return nil
}

// fallback returns the verdict for a number that no rule decides.
func (a *abiPolicy) fallback(nr uint32) verdict {
	if a.newer != 0 && nr-a.abi.bit >= a.newer && nr != noCall && nr < a.privateFrom() {
		return refuse(unix.ENOSYS)
	}
	return a.otherwise
}

// noCall is the number -1: a tracer writes it over a call's number to make the kernel skip the
// call. It belongs to the native ABI.
const noCall = 0xffffffff

// armPrivate is the first number of arm's calls outside of its table. These do not show how old
// a profile is.
const armPrivate = 0xf0000

// privateFrom returns the first number of the calls outside of the kernel's table: arm has such
// calls.
func (a *abiPolicy) privateFrom() uint32 {
	if a.abi.name == "arm" {
		return armPrivate
	}
	return noCall
}

// abi returns the policy for an ABI, or nil if the ABI is not listed.
func (p *policy) abi(a *abi) *abiPolicy {
	for _, ap := range p.abis {
		if ap.abi == a {
			return ap
		}
	}
	return nil
}

// String returns the rules for readers. Calls with equal rules are listed together.
func (p *policy) String() string {
	var b strings.Builder
	for _, a := range p.abis {
		fmt.Fprintf(&b, "%s: %s unless a rule says otherwise", a.abi.name, a.otherwise.long())
		if a.newer != 0 {
			fmt.Fprintf(&b, "; calls newer than %s (%d): %s", a.abi.call((a.newer-1)|a.abi.bit), a.newer-1, refuse(unix.ENOSYS).long())
		}
		b.WriteString("\n")
		groups := map[string][]string{}
		var order []string
		calls := slices.Clone(a.calls)
		sort.SliceStable(calls, func(i, j int) bool { return calls[i].first() < calls[j].first() })
		for _, c := range calls {
			var text strings.Builder
			for _, r := range c.rules {
				mark := ""
				if r.chap {
					mark = "tutorial: "
				}
				fmt.Fprintf(&text, "    %s", r)
				if mark+r.why != "" {
					fmt.Fprintf(&text, "    # %s%s", mark, r.why)
				}
				text.WriteString("\n")
			}
			if groups[text.String()] == nil {
				order = append(order, text.String())
			}
			groups[text.String()] = append(groups[text.String()], c.name)
		}
		for _, text := range order {
			fmt.Fprintf(&b, "  %s\n%s", fold(strings.Join(groups[text], " "), 110, "  "), text)
		}
	}
	return b.String()
}

// fold breaks text at spaces into lines of at most width characters.
func fold(text string, width int, indent string) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case line+1+len(word) > width:
			b.WriteString("\n" + indent)
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
