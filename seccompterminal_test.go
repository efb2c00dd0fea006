package main

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminalFilter checks which calls tincan's own small filter refuses.
func TestTerminalFilter(t *testing.T) {
	native, second, compat, compatAudit := ioctlNumbers()
	program := terminalFilter()
	for _, c := range []struct {
		arch, nr uint32
		request  uint64
		refused  bool
	}{
		{nativeAudit(), native, tiocsti, true}, {nativeAudit(), native, tioclinux, true}, {nativeAudit(), native, tiocsti | 1<<32, true},
		{nativeAudit(), native, tioclinux | 1<<63, true}, {nativeAudit(), native, unix.TIOCGWINSZ, false}, {nativeAudit(), native, 0, false},
		{nativeAudit(), second, tiocsti, true}, {nativeAudit(), second, unix.TCGETS, false},
		{compatAudit, compat, tiocsti, true}, {compatAudit, compat, tioclinux, true}, {compatAudit, compat, unix.TIOCGWINSZ, false},
		{nativeAudit(), unix.SYS_READ, tiocsti, false}, {compatAudit, 3, tiocsti, false}, {1, native, tiocsti, false},
	} {
		call := &sysCall{nr: c.nr, arch: c.arch}
		call.args[1] = c.request
		got, _, err := runFilter(program, call)
		want := verdict(unix.SECCOMP_RET_ALLOW)
		if c.refused {
			want = denied
		}
		if err != nil || got != want {
			t.Errorf("arch %#x, call %d, request %#x: %v, %v; want %v", c.arch, c.nr, c.request, got, err, want)
		}
	}
}

// TestTerminalFilterIsInEveryPlan checks that this filter is added to every profile but `default`,
// which has these rules itself, and `none`.
func TestTerminalFilterIsInEveryPlan(t *testing.T) {
	for spec, want := range map[string]string{
		"default": "", "none": "", "tutorial": "13 more", "testdata/profiles/podman-seccomp.json": "13 more", "testdata/profiles/moby-default.json": "13 more",
	} {
		c := &config{}
		if err := c.setSeccomp(&runFlags{Seccomp: spec}); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range filter(c, &fds{}) {
			n := (*unix.SockFprog)(s.args[2].p).Len
			switch {
			case got == "" && want == "13 more":
				got = fmt.Sprint(n)
			case want == "13 more":
				got += " more"
			default:
				got += fmt.Sprint(n)
			}
		}
		if spec == "default" {
			want = fmt.Sprint(len(defaultFilter()))
		}
		if got != want {
			t.Errorf("%s: filters of %s instructions, want %s", spec, got, want)
		}
	}
}
