// What tincan says to a user who has no resource group. The tests use directories that look like
// hosts.
package main

import (
	"errors"
	"strings"
	"testing"
)

// TestForbiddenGroupHints checks which way to a resource group is suggested in which situation.
func TestForbiddenGroupHints(t *testing.T) {
	const booted, mine, ours = "run/systemd/system/x", "run/user/1000/systemd/private", "run/user/1001/systemd/private"
	joe := caller{uid: 1000, gid: 1000}
	was := asCaller
	t.Cleanup(func() { asCaller = was })
	for _, c := range []struct {
		name    string
		who     caller
		files   []string
		runtime string // XDG_RUNTIME_DIR
		says    string // what it must say, separated by |
		not     string // what it must not say
	}{
		{"logged in", joe, []string{booted, mine}, "/run/user/1000", "systemd-run --user --scope -p Delegate=yes tincan ...", "XDG_RUNTIME_DIR|loginctl"},
		{"cron", joe, []string{booted, mine}, "", "XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user --scope -p Delegate=yes tincan ...", "loginctl"},
		{"su from root", joe, []string{booted, mine}, "/run/user/0", "XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user", "loginctl"},
		{"never logged in", joe, []string{booted, ours}, "", "as root: loginctl enable-linger 1000|XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user --scope", "sudo"},
		{"no systemd", joe, []string{mine}, "/run/user/1000", "systemd does not run here|chown|cgroup.subtree_control|exec tincan", "systemd-run|loginctl"},
		{"root in a machine container", caller{}, []string{booted}, "", "systemd-run --scope -p Delegate=yes tincan ...", "--user|loginctl|XDG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			for _, f := range c.files {
				files[f] = ""
			}
			hostWith(t, files)
			t.Setenv("XDG_RUNTIME_DIR", c.runtime)
			asCaller = new(c.who)
			got := toGetGroup()
			for part := range strings.SplitSeq(c.says, "|") {
				if !strings.Contains(got, part) {
					t.Errorf("%q is not in %q", part, got)
				}
			}
			for part := range strings.SplitSeq(c.not, "|") {
				if strings.Contains(got, part) {
					t.Errorf("%q is in %q", part, got)
				}
			}
		})
	}
}

// TestForbiddenControllers checks the case of a group without all controllers. If the user asked
// for a limit that needs a missing controller, the error must not blame the kernel. If the limit is
// only a default, it is left out with a note.
func TestForbiddenControllers(t *testing.T) {
	for _, c := range []struct {
		controllers []string
		l           limits
		says        string // the error
		absent      int
	}{
		{[]string{"memory", "pids", "cpu", "io"}, limits{ioWeight: limit{asked: true}, cpus: limit{asked: true}}, "", 0},
		{[]string{"memory", "pids", "cpu"}, limits{}, "", 1},
		{[]string{"memory", "pids"}, limits{}, "", 2},
		{[]string{"memory", "pids", "cpu"}, limits{ioWeight: limit{asked: true}}, "io controller is not delegated", 0},
		{[]string{"memory", "pids", "io"}, limits{cpus: limit{asked: true}}, "cpu controller is not delegated", 0},
	} {
		g := group{v2: true, delegated: true, parents: []groupParent{{dir: "/nonexistent"}}}
		err := g.planV2(&c.l, c.controllers)
		switch {
		case err == nil && c.says == "":
			if len(g.absent) != c.absent {
				t.Errorf("%q: these are left out: %q; want %d", c.controllers, g.absent, c.absent)
			}
		case err == nil || c.says == "" || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "Delegate=") || strings.Contains(err.Error(), "scheduler"):
			t.Errorf("%q: %v", c.controllers, err)
		}
	}
}

// TestForbiddenGroupInCheck checks that `tincan check` says what to do once, and not twice.
func TestForbiddenGroupInCheck(t *testing.T) {
	for lacks, want := range map[string]string{
		"/g is root's; to get a group: systemd-run x; y":                        "systemd-run x; y",
		"/g has no memory controller; to have it delegated: as root: systemctl": "as root: systemctl",
		"/g is not version 2; boot with a=1, and then: systemd-run":             "boot with a=1, and then: systemd-run",
	} {
		if f := lackingGroup(errors.New(lacks)); f.help != want || strings.Contains(f.text, want) {
			t.Errorf("%q: %+v", lacks, f)
		}
	}
}
