// Chapter 14, on a machine where systemd has the control groups in hand.
//
// sd_booted(3), systemd.resource-control(5) Delegate=, systemd-run(1), loginctl(1),
// cgroup-v2.rst "Enabling and Disabling", systemd's CGROUP_DELEGATION.
//
// systemd makes a group for each unit, and gives it the controllers that the units want,
// no others. When a unit comes or goes, or at a daemon-reload, it takes back what none
// wants any more, and with a controller go the limits of all groups below, also of
// groups that are not systemd's: seen with --cpus of root's containers, and with every
// limit of a user's in a unit without Delegate=yes. Only what has been handed over with
// Delegate=yes it leaves alone, and a user cannot see whether it has: a user's own
// systemd leaves no mark.
//
// The kernel has a rule against that: "a controller can't be disabled if one or more
// children have it enabled". So each run makes a second group beside the container's,
// with nothing in it, that has the controllers enabled for groups below: the keeper.
// As long as it is there, nobody can take them away. It costs a mkdir, a write and
// an rmdir, so it is made only where systemd runs.
//
// Differs from the tutorial: it knows nothing of systemd.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// systemdRuns is sd_booted(3): "checks whether the directory /run/systemd/system/ exists".
func systemdRuns() bool { return exists(text(hostRoot, "/run/systemd/system")) }

// keeperDir is the group that holds on to the controllers. name is the container's group's.
func (g *group) keeperDir(name string) string { return text(g.parents[0].dir, "/", name, ".keep") }

// made are all directories of the run: the container's groups, and the keeper.
func (g *group) made(name string) []string {
	if g.keep {
		return add(g.dirs(name), g.keeperDir(name))
	}
	return g.dirs(name)
}

// keepControllers is the host's step after which nobody can take the controllers away.
func (g *group) keepControllers() []*step {
	if !g.keep {
		return nil
	}
	const file = "cgroup.subtree_control"
	return list(hostWrite(inKeeper, file, text(g.keeperDir(g.name), "/", file), text("+", join(g.controllers, " +"))).
		because("systemd takes back controllers that no unit of its own needs, and the limits with them; not while a group has them enabled").hinted(hintKeeper))
}

func hintKeeper(e unix.Errno) string {
	if e == unix.ENOENT {
		return "systemd has taken a controller back at this very moment: run it again"
	}
	return hintGroup(e)
}

// findOwnUnit has root's group made in the unit that tincan runs in, if systemd has handed
// that over and tincan is alone there: what limits the unit then limits the container too.
// Otherwise it stays at the top. The mark is one that only root can make.
func (g *group) findOwnUnit() {
	paths, err := ownGroups()
	if err != nil {
		return
	}
	first := cleanPath(text(cgroupRoot, "/", paths.of("")))
	for dir := first; len(dir) > len(cgroupRoot); dir = parentDir(dir) {
		mark := space(1)
		if n, e := sysGetxattr(dir, "trusted.delegate", mark); e == 0 && n == 1 && mark[0] == '1' {
			g.tryDelegated(dir, dir == first, required[:]) // if it cannot be used, the top can
			return
		}
	}
}

// scopeCommand is how systemd hands a group over to a user.
const scopeCommand = "systemd-run --user --scope -p Delegate=yes tincan ..."

// toGetGroup says how this caller gets a group, here and now. systemd-run --user must
// find the user's own systemd, which runs while the user is logged in or lingers: it is
// looked for in XDG_RUNTIME_DIR, which su, cron and system services do not set.
func toGetGroup() string {
	w := whoIs()
	run := fmt.Sprintf("/run/user/%d", w.uid)
	command := scopeCommand
	if os.Getenv("XDG_RUNTIME_DIR") != run {
		command = "XDG_RUNTIME_DIR=" + run + " " + command
	}
	switch {
	case !systemdRuns():
		return "no systemd runs here to hand one over; root does it by hand: mkdir /sys/fs/cgroup/NAME, chown it and the cgroup.procs and cgroup.subtree_control in it, " +
			"and write the pid of a shell to its cgroup.procs that then says: exec tincan ... (cgroups(7), \"Delegation\")"
	case w.uid == 0:
		return strings.Replace(scopeCommand, " --user", "", 1)
	case !exists(filepath.Join(hostRoot, run, "systemd")):
		return fmt.Sprintf("no systemd of user %d runs, for want of a login; as root: loginctl enable-linger %d; and then: %s", w.uid, w.uid, command)
	}
	return command
}

// toGetController says who can hand over a controller that the group at dir has not:
// the user's own systemd has it, or has not got it from the machine's.
func toGetController(dir, controller string) string {
	for ; len(dir) > len(cgroupRoot); dir = filepath.Dir(dir) {
		if have, _ := v2Controllers(dir); hasPrefix(filepath.Base(dir), "user@") && slices.Contains(have, controller) {
			return toGetGroup() + " (in a unit's file: Delegate=yes); where that is so already: systemctl --user daemon-reexec"
		}
	}
	return "as root: systemctl edit user@.service, with the lines [Service] and Delegate=cpu cpuset io memory pids; and then, as the user: systemctl --user daemon-reexec"
}
