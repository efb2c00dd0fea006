// Chapter 13: profiles in the JSON of Docker, podman and the OCI's runtime-spec, read into a
// policy.
//
// The OCI runtime-spec's config-linux.md (Seccomp); moby's and podman's formats add archMap,
// includes, excludes, and podman's errno names. man 3 seccomp_rule_add explains the rules.
//
// A profile says what to do for each call, in entries. Several entries for one call are
// alternatives; all comparisons in one entry must hold. If several entries match, the first one
// wins, but an entry without comparisons comes before those with comparisons.
//
// Differs from the tutorial: the tutorial has one list, in its source.

package main

import (
	"fmt"
	"slices"
	"strings"
)

// reading holds what a profile is read for.
type reading struct {
	native     *abi
	held       []string // the capabilities in the container, for includes and excludes
	strictInts bool     // see syscallints.go
	kernel     [2]int   // for minKernel
}

// readProfile returns the policy, and warnings about what is ambiguous in the profile.
func readProfile(name string, data []byte, r reading) (*policy, []string, error) {
	b := &profileReader{reading: r, p: &policy{name: name}}
	root, err := parseJSON(data)
	if err == nil {
		err = b.profile(root)
	}
	if err != nil {
		return nil, nil, err
	}
	return b.p, b.warnings, nil
}

// profileReader is the state of reading a profile.
type profileReader struct {
	reading
	p         *policy
	otherwise verdict
	named     map[string]bool // every name in the profile, also in entries that do not apply
	warnings  []string
}

func (b *profileReader) profile(root *jsonValue) error {
	o, err := root.object("defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags",
		"listenerPath", "listenerMetadata", "syscalls", "comment")
	if err != nil {
		return err
	}
	for _, f := range []string{"listenerPath", "listenerMetadata"} {
		if v := o.given(f); v != nil && v.v != "" {
			return v.wrong("not supported: tincan has no agent to pass calls to (--seccomp-log reports refused ones)")
		}
	}
	if b.otherwise, err = action(root, o, "defaultAction", "defaultErrnoRet", "defaultErrno"); err != nil {
		return err
	}
	if err := b.flags(o.given("flags")); err != nil {
		return err
	}
	if err := b.architectures(o); err != nil {
		return err
	}
	entries, err := o.given("syscalls").list()
	if err != nil {
		return err
	}
	b.named = map[string]bool{}
	for _, e := range entries {
		if err := b.entry(e); err != nil {
			return err
		}
	}
	return b.finish()
}

// entry reads one element of `syscalls` in full, even if it then does not apply.
func (b *profileReader) entry(e *jsonValue) error {
	o, err := e.object("names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes")
	if err != nil {
		return err
	}
	if o == nil {
		return e.wrong("null, but must be an object")
	}
	names, err := entryNames(e, o)
	if err != nil {
		return err
	}
	then, err := action(e, o, "action", "errnoRet", "errno")
	if err != nil {
		return err
	}
	alternatives, err := conditions(o.given("args"))
	if err != nil {
		return err
	}
	if c := o.given("comment"); c != nil {
		if _, err := c.string(); err != nil {
			return err
		}
	}
	in, err := b.applies(o.given("includes"), true)
	if err != nil {
		return err
	}
	out, err := b.applies(o.given("excludes"), false)
	if err != nil {
		return err
	}
	for _, n := range names {
		b.named[n] = true
	}
	if !in || out || then == b.otherwise {
		return nil
	}
	for _, n := range names {
		b.add(n, then, alternatives, e.place())
	}
	return nil
}

// entryNames returns the calls that an entry names.
func entryNames(e *jsonValue, o jsonObject) ([]string, error) {
	many, one := o.given("names"), o.given("name")
	if one != nil && one.v == "" {
		one = nil
	}
	if many != nil && one != nil {
		return nil, one.wrong("`name` and `names` are both given: give only one of them")
	}
	if one != nil {
		s, err := one.string()
		return []string{s}, err
	}
	if many == nil {
		return nil, e.wrong("names is missing")
	}
	names, err := many.strings()
	if err != nil {
		return nil, err
	}
	if i := slices.Index(names, ""); i >= 0 {
		return nil, many.wrong("element %d is empty, but must be the name of a system call", i)
	}
	return names, nil
}

// conditions returns alternatives, each of which is a list of conditions that must all hold.
// "Each argument may be compared once" in a rule of libseccomp, so runc makes a separate rule of
// every comparison if an index occurs twice.
func conditions(v *jsonValue) ([][]cond, error) {
	list, err := v.list()
	if err != nil {
		return nil, err
	}
	var all []cond
	twice := false
	for _, e := range list {
		c, err := condition(e)
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			twice = twice || c.arg == d.arg
		}
		all = append(all, c)
	}
	if !twice {
		return [][]cond{all}, nil
	}
	var each [][]cond
	for _, c := range all {
		each = append(each, []cond{c})
	}
	return each, nil
}

func condition(e *jsonValue) (c cond, err error) {
	o, err := e.object("index", "value", "valueTwo", "op")
	if err != nil {
		return c, err
	}
	for _, f := range []string{"index", "value", "op"} {
		if o.given(f) == nil {
			return c, e.wrong("%s is missing", f)
		}
	}
	index, err := o.given("index").number(5)
	if err != nil {
		return c, err
	}
	c.arg = int(index)
	if c.value, err = o.given("value").number(1<<64 - 1); err != nil {
		return c, err
	}
	two := uint64(0)
	if v := o.given("valueTwo"); v != nil {
		if two, err = v.number(1<<64 - 1); err != nil {
			return c, err
		}
	}
	op := o.given("op")
	s, err := op.string()
	if err != nil {
		return c, err
	}
	var names []string
	for _, k := range profileOps {
		if k.name == s {
			c.op = k.op
			if c.op == opMaskedEQ {
				c.mask, c.value = c.value, two&c.value
			}
			return c, nil
		}
		names = append(names, k.name)
	}
	return c, op.wrong("%q: not one of %s", s, strings.Join(names, ", "))
}

// applies evaluates includes or excludes of an entry. Includes needs all of its capabilities to
// be held, excludes at least one.
func (b *profileReader) applies(v *jsonValue, include bool) (bool, error) {
	if v == nil {
		return include, nil
	}
	o, err := v.object("caps", "arches", "minKernel")
	if err != nil {
		return false, err
	}
	wanted, err := o.given("caps").strings()
	if err != nil {
		return false, err
	}
	all, some := true, false
	for i, c := range wanted {
		if !strings.HasPrefix(c, "CAP_") {
			return false, v.wrong("caps[%d]: %q is not the name of a capability, such as CAP_SYS_ADMIN", i, c)
		}
		held := slices.Contains(b.held, c)
		all, some = all && held, some || held
	}
	arches, err := o.given("arches").strings()
	if err != nil {
		return false, err
	}
	here := slices.Contains(arches, b.native.goarch)
	recent := false
	if k := o.given("minKernel"); k != nil && k.v != "" {
		s, err := k.string()
		if err != nil {
			return false, err
		}
		var want [2]int
		if n, err := fmt.Sscanf(s+" ", "%d.%d ", &want[0], &want[1]); n != 2 || err != nil || want[0] < 0 || want[1] < 0 {
			return false, k.wrong("%q is not a version of two numbers, such as 4.8", s)
		}
		recent = b.kernel[0] > want[0] || (b.kernel[0] == want[0] && b.kernel[1] >= want[1])
		if include && !recent {
			return false, nil
		}
	}
	if include {
		return all && (len(arches) == 0 || here), nil
	}
	return some || here || recent, nil
}
