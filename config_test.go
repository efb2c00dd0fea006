// Flags in combination: the configuration that they give, and the errors of those that are refused.
package main

import (
	"slices"
	"strings"
	"testing"
)

// TestKernelVersions checks which kernels are accepted, and what the error says about the others.
func TestKernelVersions(t *testing.T) {
	for _, ok := range []string{"5.14", "5.14.0", "5.14-rc1", "5.14.0-162.el9.x86_64", "5.15.0-91-generic", "6.0", "6.1.0-18-amd64", "6.18.44-fc", "10.0.0"} {
		if err := supportedRelease(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for in, why := range map[string]string{
		"5.13.19":         "this is 5.13.19, which lacks cgroup.kill (5.14)",
		"5.12.0":          "lacks cgroup.kill (5.14)",
		"5.11.9":          "lacks mount_setattr (5.12), cgroup.kill (5.14)",
		"5.10.0-28-amd64": "lacks CLOSE_RANGE_CLOEXEC (5.11), mount_setattr", // newer than 5.9: not the decimal number 5.1
		"5.9":             "lacks CLOSE_RANGE_CLOEXEC (5.11)",
		"5.2.1":           "lacks clone3 and pidfds (5.3)",
		"4.18.0-553.el8":  "lacks clone3 and pidfds (5.3), CLONE_CLEAR_SIGHAND (5.5)",
		"3.10.0-1160.el7": "needs Linux 5.14 or newer",
		"2.6.32":          "needs Linux 5.14 or newer",
		"":                "which is not a version number",
		"linux":           "which is not a version number",
		"six.one":         "which is not a version number",
		"6":               "which is not a version number",
		"-6.1":            "needs Linux",
	} {
		wantRefusal(t, in, supportedRelease(in), why)
	}
	for _, n := range needs { // 5.10 came after 5.9
		if n.major == 5 && n.minor == 3 && strings.Contains(supportedRelease("5.10").Error(), n.what) {
			t.Errorf("5.10 is said to lack %s", n.what)
		}
	}
}

// asRootCaller makes tincan treat the caller as root, whoever the caller is.
func asRootCaller(t *testing.T) {
	was := asCaller
	t.Cleanup(func() { asCaller = was })
	asCaller = &caller{root: true}
}

// flagsFor returns the flags of a command line without flags, after a change.
func flagsFor(change func(*runFlags)) *runFlags {
	f := &runFlags{Init: true, Net: "none", Seccomp: "default", Workdir: "/", NoCgroup: true, Args: []string{"true"}}
	change(f)
	return f
}

// TestEnvironment checks the command's environment.
func TestEnvironment(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("SECRET", "s")
	t.Setenv("COPIED", "a=b c")
	env := func(uid int, e ...string) []string {
		t.Helper()
		c, err := newConfig(flagsFor(func(f *runFlags) { f.Env, f.UID = e, uid }))
		if err != nil {
			t.Fatal(err)
		}
		return c.env
	}
	const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, c := range []struct {
		got, want []string
	}{
		{env(0), []string{path, "HOME=/root", "TERM=xterm"}},
		{env(7), []string{path, "HOME=/tmp", "TERM=xterm"}},
		{env(0, "COPIED", "X=", "Y=1=2"), []string{path, "HOME=/root", "TERM=xterm", "COPIED=a=b c", "X=", "Y=1=2"}},
		{env(0, "HOME=/h", "A=1", "A=2"), []string{path, "TERM=xterm", "HOME=/h", "A=2"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for in, why := range map[string]string{"": "NAME=VALUE", "=x": "NAME=VALUE", "A=\x00": "NAME=VALUE", "NOT_THERE": "has no such variable"} {
		_, err := newConfig(flagsFor(func(f *runFlags) { f.Env = []string{in} }))
		wantRefusal(t, in, err, why)
	}
	t.Setenv("TERM", "")
	if e := env(0); !slices.Contains(e, "TERM=dumb") {
		t.Errorf("%q without a TERM", e)
	}
}

// TestRefusedFlags checks the flags that newConfig refuses.
func TestRefusedFlags(t *testing.T) {
	asRootCaller(t) // other users have another map
	for _, c := range []struct {
		why    string
		change func(*runFlags)
	}{
		{"no command to run", func(f *runFlags) { f.Args = nil }},
		{"no command to run", func(f *runFlags) { f.Args = []string{""} }},
		{"no command to run", func(f *runFlags) { f.Args, f.Command = nil, new(" \t") }},
		{"no command to run", func(f *runFlags) { f.Args, f.Command = nil, new("") }},
		{"there is also a COMMAND", func(f *runFlags) { f.Command = new("sh") }},
		{"a ' is not closed", func(f *runFlags) { f.Args, f.Command = nil, new("echo 'x") }},
		{"zero byte", func(f *runFlags) { f.Args = []string{"a", "b\x00c"} }},
		{"65 bytes long; at most 64", func(f *runFlags) { f.Hostname = strings.Repeat("h", 65) }},
		{"slashes or blanks", func(f *runFlags) { f.Hostname = "a/b" }},
		{"slashes or blanks", func(f *runFlags) { f.Hostname = "a b" }},
		{"slashes or blanks", func(f *runFlags) { f.Hostname = "a\x00" }},
		{"resource group's directory", func(f *runFlags) { f.Hostname = ".." }},
		{"the kernel reserves", func(f *runFlags) { f.Hostname = "cgroup.procs" }},
		{"--uid=2000: the container has only the ids 0 to 1999, 65534: choose one of these, or use --map=auto, which has the ids 0 to 65535", func(f *runFlags) { f.UID = 2000 }},
		{"--gid=5000: the container has only the ids 0 to 1999", func(f *runFlags) { f.GID = new(5000) }},
		{"--uid=-1: ", func(f *runFlags) { f.UID = -1 }},
		{"overlaps", func(f *runFlags) { f.Map = []string{"0:1:10", "9:100:1"} }},
		{"overlaps", func(f *runFlags) { f.Map = []string{"0:1:10", "100:10:1"} }},
		{"-m /absent-from-here: /absent-from-here: no such file", func(f *runFlags) { f.Mount = new("/absent-from-here") }},
		{"not a directory", func(f *runFlags) { f.Mount = new("/dev/null") }},
		{"the host's own root", func(f *runFlags) { f.Mount = new("//") }},
		{"the name is empty", func(f *runFlags) { f.Mount = new("") }},
		{"not an absolute path", func(f *runFlags) { f.Workdir = "tmp" }},
		{"not an absolute path", func(f *runFlags) { f.Workdir = "" }},
		{"--pass-fd=77: the caller has no open descriptor", func(f *runFlags) { f.PassFD = []int{77} }},
		{"--pass-fd=-1: ", func(f *runFlags) { f.PassFD = []int{-1} }},
		{"--memory=1X: ", func(f *runFlags) { f.NoCgroup, f.Memory = false, "1X" }},
		{"--memory=0: nothing can run", func(f *runFlags) { f.NoCgroup, f.Memory = false, "0" }},
		{"there is no resource group for this limit", func(f *runFlags) { f.Pids = "5" }},
		{"--cpu-weight=max: ", func(f *runFlags) { f.NoCgroup, f.CPUWeight = false, "max" }},
		{"--rlimit=x: ", func(f *runFlags) { f.Rlimit = []string{"x"} }},
		{"--cap-add=x: ", func(f *runFlags) { f.CapAdd = []string{"x"} }},
		{"--seccomp=", func(f *runFlags) { f.Seccomp = "" }},
	} {
		_, err := newConfig(flagsFor(c.change))
		wantRefusal(t, c.why, err, c.why)
	}
}

// TestCapabilityFlags checks that --cap-add wins over --cap-drop, whatever their order.
func TestCapabilityFlags(t *testing.T) {
	c, err := newConfig(flagsFor(func(f *runFlags) { f.CapDrop, f.CapAdd = []string{"ALL"}, []string{"chown", "SYS_NICE"} }))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.keep.names(), " "); got != "CAP_CHOWN CAP_SYS_NICE" {
		t.Errorf("kept: %s", got)
	}
}
