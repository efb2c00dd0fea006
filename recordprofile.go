// The profile that tincan record writes: Docker's and the OCI's JSON, formatted so that git shows
// readable differences. The OCI runtime-spec's config-linux.md (Seccomp).
//
// The text does not depend on when, where or in what order the calls were made: they are sorted by
// name, one on a line. Names in a profile apply to every architecture that it lists. So names that
// only the 32-bit ABI has are in an entry of their own.

package main

import (
	"encoding/json"
	"errors"
	"os"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// A recordedCall is what the profile says about a call.
type recordedCall struct {
	name  string
	rule  *argRule // nil: allowed with any arguments
	errno uint32   // if not 0: refused with this error
}

// recorded is the content of a profile.
type recorded struct {
	arches [len(abis)]bool
	calls  []recordedCall
	at     map[string]int // name: index in calls
}

// add adds a call. A call that is both allowed and refused is allowed.
func (p *recorded) add(c recordedCall) {
	if p.at == nil {
		p.at = map[string]int{}
	}
	i, known := p.at[c.name]
	if !known {
		p.at[c.name] = len(p.calls)
		p.calls = append(p.calls, c)
		return
	}
	switch old := &p.calls[i]; {
	case old.errno != 0:
		*old = c
	case c.errno == 0:
		old.rule = old.rule.plus(c.rule)
	}
}

// profile returns the profile of what was recorded. Without minimal it also allows the calls that
// every start of a program needs.
func (r *recorder) profile(minimal bool, base *policy) *recorded {
	p := &recorded{}
	p.list(r.abis[0])
	for _, u := range r.all() {
		p.list(u.abi)
		if !u.nameless() {
			p.add(recordedCall{name: u.name, rule: u.rule})
		}
	}
	for _, row := range assumed() {
		for _, name := range strings.Fields(row.calls) {
			if !minimal && p.knows(name) {
				p.add(recordedCall{name: name})
			}
		}
	}
	base.refusals(p)
	return p
}

// list adds an architecture.
func (p *recorded) list(a *abi) {
	for i := range abis {
		p.arches[i] = p.arches[i] || a == &abis[i]
	}
}

// knows reports whether an architecture of the profile has a call of that name.
func (p *recorded) knows(name string) bool {
	for i := range abis {
		if _, known := abis[i].number(name); known && p.arches[i] {
			return true
		}
	}
	return false
}

// merge adds the calls and architectures of another profile.
func (p *recorded) merge(q *recorded) {
	for i := range abis {
		p.arches[i] = p.arches[i] || q.arches[i]
	}
	for _, c := range q.calls {
		p.add(c)
	}
}

// allowed returns how many calls the profile allows.
func (p *recorded) allowed() (n int) {
	for _, c := range p.calls {
		if c.errno == 0 {
			n++
		}
	}
	return n
}

// refusals adds the calls that the recording's own filter always refuses with an error other than
// EPERM. The program has found a way to go on after that error, so it must get the same one under
// the profile.
func (p *policy) refusals(to *recorded) {
	if p == nil || len(p.abis) == 0 {
		return
	}
	for _, c := range p.abis[0].calls {
		if r := &c.rules[0]; len(r.when) == 0 && r.then.action() == unix.SECCOMP_RET_ERRNO && r.then != denied {
			to.add(recordedCall{name: c.name, errno: r.then.data()})
		}
	}
}

// The profile as encoding/json writes it.
type (
	jsonProfile struct {
		DefaultAction   string      `json:"defaultAction"`
		DefaultErrnoRet uint32      `json:"defaultErrnoRet"`
		Architectures   []string    `json:"architectures"`
		Syscalls        []jsonEntry `json:"syscalls"`
	}
	jsonEntry struct {
		Names    []string  `json:"names"`
		Action   string    `json:"action"`
		ErrnoRet uint32    `json:"errnoRet,omitempty"`
		Args     []jsonArg `json:"args,omitempty"`
	}
	jsonArg struct {
		Index    int    `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
		Op       string `json:"op"`
	}
)

// Words in the profiles that record writes.
const (
	scmpAllow   = "SCMP_ACT_ALLOW"
	scmpErrno   = "SCMP_ACT_ERRNO"
	maskedEqual = "SCMP_CMP_MASKED_EQ"
)

// json returns the text of the profile.
func (p *recorded) json() ([]byte, error) {
	out := jsonProfile{DefaultAction: scmpErrno, DefaultErrnoRet: uint32(unix.EPERM)}
	var native *abi
	for i := range abis {
		if p.arches[i] {
			out.Architectures = append(out.Architectures, abis[i].scmp)
			native = abis[i].native()
		}
	}
	calls := append([]recordedCall(nil), p.calls...)
	sort.Slice(calls, func(i, j int) bool { return calls[i].name < calls[j].name })
	entries := [2]jsonEntry{{Action: scmpAllow}, {Action: scmpAllow}} // names that the native ABI has, and the others
	var refused, limited []jsonEntry
	for _, c := range calls {
		switch _, known := native.number(c.name); {
		case c.errno != 0:
			i := 0
			for i < len(refused) && refused[i].ErrnoRet != c.errno {
				i++
			}
			if i == len(refused) {
				refused = append(refused, jsonEntry{Action: scmpErrno, ErrnoRet: c.errno})
			}
			refused[i].Names = append(refused[i].Names, c.name)
		case c.rule.limits():
			for _, a := range c.rule.conditions() {
				limited = append(limited, jsonEntry{[]string{c.name}, scmpAllow, 0, []jsonArg{a}})
			}
		case known:
			entries[0].Names = append(entries[0].Names, c.name)
		default:
			entries[1].Names = append(entries[1].Names, c.name)
		}
	}
	out.Syscalls = []jsonEntry{}
	for _, e := range append(append(entries[:], limited...), refused...) {
		if e.Names != nil {
			out.Syscalls = append(out.Syscalls, e)
		}
	}
	b, err := json.MarshalIndent(out, "", "\t")
	return append(b, '\n'), err
}

// readRecorded reads a profile that record has written, or one of the same form: calls that it
// does not list are refused, and those that it lists are allowed with any arguments or with some
// values of one argument.
func readRecorded(file string) (*recorded, error) {
	data, err := profileText(file)
	if err != nil {
		return nil, err
	}
	root, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	p := &recorded{}
	o, err := root.object("defaultAction", "defaultErrnoRet", "architectures", "syscalls", "comment")
	if err != nil {
		return nil, err
	}
	if then, err := action(root, o, "defaultAction", "defaultErrnoRet", ""); err != nil {
		return nil, err
	} else if then != denied {
		return nil, o.given("defaultAction").wrong("%s%s", then, mergesLittle)
	}
	arches, err := o.given("architectures").list()
	if err != nil {
		return nil, err
	}
	native, _ := abiNamed("")
	for _, v := range arches {
		if a, err := architecture(v); err != nil {
			return nil, err
		} else if a == nil || a.family != native.family {
			return nil, v.wrong("%v: this profile was recorded on another kind of processor", v.v)
		} else {
			p.list(a)
		}
	}
	entries, err := o.given("syscalls").list()
	for _, e := range entries {
		if err == nil {
			err = p.readEntry(e)
		}
	}
	return p, err
}

const mergesLittle = ": tincan record did not write this, and --merge accepts only profiles that tincan record wrote"

func (p *recorded) readEntry(e *jsonValue) error {
	o, err := e.object("names", "name", "action", "errnoRet", "args", "comment")
	if err != nil {
		return err
	}
	names, err := entryNames(e, o)
	if err != nil {
		return err
	}
	then, err := action(e, o, "action", "errnoRet", "")
	if err != nil {
		return err
	}
	alternatives, err := conditions(o.given("args"))
	if err != nil {
		return err
	}
	if then != allow && then.action() != unix.SECCOMP_RET_ERRNO {
		return o.given("action").wrong("%s%s", then, mergesLittle)
	}
	c := recordedCall{errno: then.data()}
	if then == allow {
		c.errno = 0
	}
	if conds := alternatives[0]; len(conds) > 0 {
		one := conds[0]
		switch {
		case len(alternatives) > 1 || len(conds) > 1 || one.op != opMaskedEQ || then != allow:
		case one.mask == 0xffffffff:
			c.rule = &argRule{arg: one.arg, values: []uint32{uint32(one.value)}}
		case one.value == 0 && one.mask>>32 == 0:
			c.rule = &argRule{arg: one.arg, bits: uint32(one.mask)}
		}
		if c.rule == nil {
			return o.given("args").wrong("this comparison%s", mergesLittle)
		}
	}
	for _, name := range names {
		own := c
		own.name = name
		if c.rule != nil && c.rule.bits != 0 {
			w := watch(name)
			if w == nil {
				return o.given("args").wrong("this comparison%s", mergesLittle)
			}
			rule := *c.rule
			rule.mask = w.mask
			own.rule = &rule
		}
		p.add(own)
	}
	return nil
}

// profileText reads a profile. It must be a regular file, because reading a FIFO can take forever.
func profileText(file string) ([]byte, error) {
	if fi, err := os.Stat(file); err != nil {
		return nil, err
	} else if !fi.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return os.ReadFile(file)
}
