// Chapter 13: the words of profiles: actions with their errno, comparisons, flags.
// man 3 seccomp_rule_add, man 2 seccomp, man 3 errno.

package main

import (
	"strings"

	"golang.org/x/sys/unix"
)

// profileActions are the actions that a profile can name.
var profileActions = []struct {
	name string
	v    verdict
}{
	{"SCMP_ACT_ALLOW", allow},
	{"SCMP_ACT_ERRNO", unix.SECCOMP_RET_ERRNO},
	{"SCMP_ACT_KILL", unix.SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", killProcess},
	{"SCMP_ACT_KILL_THREAD", unix.SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_LOG", unix.SECCOMP_RET_LOG},
	{"SCMP_ACT_TRACE", unix.SECCOMP_RET_TRACE},
	{"SCMP_ACT_TRAP", unix.SECCOMP_RET_TRAP},
}

// profileOps are the comparisons that a profile can name.
var profileOps = []struct {
	name string
	op   compareOp
}{
	{"SCMP_CMP_NE", opNE}, {"SCMP_CMP_LT", opLT}, {"SCMP_CMP_LE", opLE}, {"SCMP_CMP_EQ", opEQ},
	{"SCMP_CMP_GE", opGE}, {"SCMP_CMP_GT", opGT}, {"SCMP_CMP_MASKED_EQ", opMaskedEQ},
}

var profileFlags = []struct {
	name string
	flag uint
	note string // why a flag is left out
}{
	{"SECCOMP_FILTER_FLAG_LOG", unix.SECCOMP_FILTER_FLAG_LOG, ""},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, ""},
	{"SECCOMP_FILTER_FLAG_TSYNC", 0, "has no effect: the process that takes the filter has one thread"},
	{"SECCOMP_FILTER_FLAG_TSYNC_ESRCH", 0, "has no effect: the process that takes the filter has one thread"},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0, "has no effect without SCMP_ACT_NOTIFY"},
}

// flags reads the flags of seccomp(2) in a profile.
func (b *profileReader) flags(v *jsonValue) error {
	list, err := v.list()
	if err != nil {
		return err
	}
next:
	for _, e := range list {
		s, err := e.string()
		if err != nil {
			return err
		}
		var names []string
		for _, f := range profileFlags {
			if s == f.name {
				b.p.flags |= f.flag
				if f.note != "" {
					b.p.notes = append(b.p.notes, f.name+" "+f.note)
				}
				continue next
			}
			names = append(names, f.name)
		}
		return e.wrong("%q: not one of %s", s, strings.Join(names, ", "))
	}
	return nil
}

// action reads an action and its errno from an object. If both spellings of the errno are given,
// they must agree.
func action(in *jsonValue, o jsonObject, actionField, retField, nameField string) (verdict, error) {
	v := o.given(actionField)
	if v == nil {
		return 0, in.wrong("%s is missing", actionField)
	}
	s, err := v.string()
	if err != nil {
		return 0, err
	}
	if s == "SCMP_ACT_NOTIFY" {
		return 0, v.wrong("SCMP_ACT_NOTIFY is not supported: tincan has no agent to pass calls to (--seccomp-log reports refused ones)")
	}
	var names []string
	for _, a := range profileActions {
		if a.name == s {
			return verdictErrno(a.v, s, o.given(retField), o.given(nameField))
		}
		names = append(names, a.name)
	}
	return 0, v.wrong("%q: not one of %s", s, strings.Join(names, ", "))
}

// maxErrno is the kernel's MAX_ERRNO. A larger number would look like success to the program.
const maxErrno = 4095

func verdictErrno(v verdict, name string, ret, text *jsonValue) (verdict, error) {
	carries := v == unix.SECCOMP_RET_ERRNO || v == unix.SECCOMP_RET_TRACE
	if text != nil && text.v == "" { // podman writes an empty string for none
		text = nil
	}
	for _, f := range []*jsonValue{ret, text} {
		if f != nil && !carries {
			return 0, f.wrong("%s does not take an errno, only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do", name)
		}
	}
	if !carries {
		return v, nil
	}
	if ret == nil && text == nil {
		return v | verdict(unix.EPERM), nil
	}
	n := uint64(0)
	if ret != nil {
		var err error
		if n, err = ret.number(maxErrno); err != nil {
			return 0, err
		}
	}
	if text != nil {
		s, err := text.string()
		if err != nil {
			return 0, err
		}
		m, ok := errnoNamed(s)
		if !ok {
			return 0, text.wrong("%q is not the name of an errno, such as EPERM", s)
		}
		if ret != nil && uint64(m) != n {
			return 0, text.wrong("%s is %d, but %s is %d: give only one of them", s, m, ret.key, n)
		}
		n = uint64(m)
	}
	return v | verdict(n), nil
}

func errnoNamed(name string) (unix.Errno, bool) {
	for e := unix.Errno(1); e < 256; e++ {
		if s := unix.ErrnoName(e); s != "" && s == name {
			return e, true
		}
	}
	switch name { // alternative names, which the table does not contain
	case "EWOULDBLOCK":
		return unix.EAGAIN, true
	case "EDEADLOCK":
		return unix.EDEADLK, true
	case "EOPNOTSUPP", "ENOTSUP":
		return unix.EOPNOTSUPP, true
	}
	return 0, false
}
