package main

// Chapter 13: what a filter is to decide, before any thought of how: the model that the tables of seccomp.go and the profiles of
// profile.go are read into, that compile.go compiles and that policyeval.go answers questions about.
// man 2 seccomp ("The return value ... is one of the following").
//
// For each ABI: a verdict for every call, and for some calls a list of rules. The first rule whose conditions all hold
// gives the verdict.

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// A verdict is what a filter returns to the kernel: an action in the upper half, its data in the lower.
type verdict uint32

const (
	allow       verdict = unix.SECCOMP_RET_ALLOW
	killProcess verdict = unix.SECCOMP_RET_KILL_PROCESS
)

// refuse makes the call fail with an errno, and not happen.
func refuse(errno unix.Errno) verdict { return unix.SECCOMP_RET_ERRNO | verdict(errno) }

func (v verdict) action() verdict { return v &^ unix.SECCOMP_RET_DATA }
func (v verdict) data() uint32    { return uint32(v & unix.SECCOMP_RET_DATA) }

// String is the form that `tincan seccomp eval` prints: ALLOW, ERRNO(1), KILL_PROCESS.
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

// long is the verdict with the errno's name beside its number.
func (v verdict) long() string {
	if v.action() == unix.SECCOMP_RET_ERRNO {
		if name := unix.ErrnoName(unix.Errno(v.data())); name != "" {
			return fmt.Sprintf("ERRNO(%d %s)", v.data(), name)
		}
	}
	return v.String()
}

// permits says whether the call goes ahead: then a wrong verdict would be a hole, not a failure.
func (v verdict) permits() bool {
	return v.action() == unix.SECCOMP_RET_ALLOW || v.action() == unix.SECCOMP_RET_LOG || v.action() == unix.SECCOMP_RET_TRACE
}

// compareOp names a comparison of an argument, all of them unsigned.
type compareOp uint8

const (
	opNE compareOp = iota
	opLT
	opLE
	opEQ
	opGE
	opGT
	opMaskedEQ // (argument & mask) == value
	opAnyBit   // (low 32 bits & mask) != 0; in our own tables only, profiles have no word for it
)

var opSigns = [...]string{opNE: "!=", opLT: "<", opLE: "<=", opEQ: "==", opGE: ">=", opGT: ">"}

// A cond is one condition on one argument.
type cond struct {
	arg   int // 0 to 5
	op    compareOp
	cut   bool   // only the low 32 bits of the argument count, as if the upper ones were zero
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

// A rule gives its verdict to the calls for which all its conditions hold; without conditions, to every call.
type rule struct {
	when  []cond
	then  verdict
	why   string // one line for the reader of `show`: a table's reason, or the place in a profile
	chap  bool   // a row of the tutorial's
	order int    // among all the rules, as they were written down
	loose bool   // from a profile's rule that this ABI cannot express in full (socketcall); the lint names it
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

// callRules is what one call may meet; where no rule fits, the ABI's `otherwise` holds.
type callRules struct {
	nr    uint32 // as seccomp_data.nr has it: with x32's bit
	name  string
	rules []rule
}

// abiPolicy decides the calls of one ABI.
type abiPolicy struct {
	abi       *abi
	otherwise verdict
	newer     uint32 // calls from this number on (x32's bit aside) are newer than the policy: they get ENOSYS; 0 for no such rule
	calls     []callRules
	rules     int // so many were added
}

// A policy is a whole filter's meaning. Calls of an ABI that is not listed end the process.
type policy struct {
	name  string
	flags uint // SECCOMP_FILTER_FLAG_* for seccomp(2)
	abis  []*abiPolicy
	notes []string // what the profile asked for and this filter leaves out: unknown names, foreign architectures

	// notify compiles every ERRNO into USER_NOTIF: the launcher is told of the call and answers with the errno (seccomplog.go).
	notify bool
}

// add appends a rule to a call; a call unknown to the ABI is no error, just not there (reported by false).
func (a *abiPolicy) add(name string, r rule) bool {
	nr, ok := a.abi.number(name)
	if !ok {
		return false
	}
	a.addNumber(nr, name, r)
	return true
}

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

// first is where a call's rules stand among all, for a reader who wants them in the order they were written.
func (c callRules) first() int {
	if len(c.rules) == 0 {
		return 0
	}
	return c.rules[0].order
}

// rulesFor is the list of one number, nil where there is none.
func (a *abiPolicy) rulesFor(nr uint32) []rule {
	i := sort.Search(len(a.calls), func(i int) bool { return a.calls[i].nr >= nr })
	if i < len(a.calls) && a.calls[i].nr == nr {
		return a.calls[i].rules
	}
	return nil
}

// fallback is the verdict of a number that no rule decides.
func (a *abiPolicy) fallback(nr uint32) verdict {
	if a.newer != 0 && nr-a.abi.bit >= a.newer && nr != noCall && nr < a.privateFrom() {
		return refuse(unix.ENOSYS)
	}
	return a.otherwise
}

// noCall is the number -1: a tracer writes it over a call's to have the kernel skip the call. It is the native ABI's.
const noCall = 0xffffffff

// armPrivate is where arm's calls outside its table begin; they say nothing about a profile's age.
const armPrivate = 0xf0000

func (a *abiPolicy) privateFrom() uint32 {
	if a.abi.name == "arm" {
		return armPrivate
	}
	return noCall
}

func (p *policy) abi(a *abi) *abiPolicy {
	for _, ap := range p.abis {
		if ap.abi == a {
			return ap
		}
	}
	return nil
}

// String prints the rules, for a reader: calls with equal rules stand together.
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
