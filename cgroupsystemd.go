// Chapter 14, on a machine where systemd manages the control groups.
//
// sd_booted(3), systemd.resource-control(5) Delegate=, systemd-run(1), loginctl(1),
// cgroup-v2.rst "Enabling and Disabling", systemd's CGROUP_DELEGATION.
//
// systemd makes a group for each unit, and enables the controllers that its units need, and no
// others. When a unit starts or stops, or at a daemon-reload, it disables the controllers that
// no unit needs any more. With a controller, the limits of all groups below disappear too, even
// of groups that are not systemd's. We have seen this with --cpus of root's containers, and with
// every limit of a user's container in a unit without Delegate=yes. systemd leaves alone only
// what it has delegated with Delegate=yes, and a user cannot find out whether a group was
// delegated, because the user's systemd does not mark it.
//
// A rule of the kernel helps: "a controller can't be disabled if one or more children have it
// enabled". So each run makes a second, empty group beside the container's group, and enables
// the controllers in it for groups below. This group is called the keeper. While it exists, the
// controllers cannot be disabled. It costs a mkdir, a write and an rmdir, so it is made only
// where systemd runs.
//
// Differs from the tutorial: the tutorial does not consider systemd.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// systemdRuns does what sd_booted(3) does: it "checks whether the directory /run/systemd/system/
// exists".
func systemdRuns() bool { return exists(text(hostRoot, "/run/systemd/system")) }

// keeperDir returns the group that keeps the controllers enabled. name is the name of the
// container's group.
func (g *group) keeperDir(name string) string { return text(g.parents[0].dir, "/", name, ".keep") }

// made returns all directories that the run makes: the container's groups, and the keeper.
func (g *group) made(name string) []string {
	if g.keep {
		return add(g.dirs(name), g.keeperDir(name))
	}
	return g.dirs(name)
}

// keepControllers returns the step after which the controllers cannot be disabled.
func (g *group) keepControllers() []*step {
	if !g.keep {
		return nil
	}
	const file = "cgroup.subtree_control"
	return list(hostWrite(inKeeper, file, text(g.keeperDir(g.name), "/", file), text("+", join(g.controllers, " +"))).
		because("systemd disables controllers that none of its units needs, and that would remove the limits; it cannot while a group has them enabled").hinted(hintKeeper))
}

func hintKeeper(e unix.Errno) string {
	if e == unix.ENOENT {
		return "systemd has disabled a controller at this moment: run the command again"
	}
	return hintGroup(e)
}

// findOwnUnit plans root's group in the unit that tincan runs in, if systemd has delegated that
// unit and tincan is alone in it. Limits of the unit then apply to the container too. Otherwise
// the group stays at the top. Only root can set the attribute that is read here.
func (g *group) findOwnUnit() {
	paths, err := ownGroups()
	if err != nil {
		return
	}
	first := cleanPath(text(cgroupRoot, "/", paths.of("")))
	for dir := first; len(dir) > len(cgroupRoot); dir = parentDir(dir) {
		mark := space(1)
		if n, e := sysGetxattr(dir, "trusted.delegate", mark); e == 0 && n == 1 && mark[0] == '1' {
			g.tryDelegated(dir, dir == first, required[:]) // if it cannot be used, the group stays at the top
			return
		}
	}
}

// scopeCommand is the command with which systemd delegates a group to a user.
const scopeCommand = "systemd-run --user --scope -p Delegate=yes tincan ..."

// toGetGroup says how this caller can get a group. systemd-run --user must find the user's own
// systemd, which runs while the user is logged in or lingering. It looks in XDG_RUNTIME_DIR,
// which su, cron and system services do not set.
func toGetGroup() string {
	w := whoIs()
	run := fmt.Sprintf("/run/user/%d", w.uid)
	command := scopeCommand
	if os.Getenv("XDG_RUNTIME_DIR") != run {
		command = "XDG_RUNTIME_DIR=" + run + " " + command
	}
	switch {
	case !systemdRuns():
		return "systemd does not run here, so root must delegate a group by hand: mkdir /sys/fs/cgroup/NAME, chown it and its files cgroup.procs and cgroup.subtree_control, " +
			"and write the pid of a shell to its cgroup.procs; in that shell: exec tincan ... (cgroups(7), \"Delegation\")"
	case w.uid == 0:
		return strings.Replace(scopeCommand, " --user", "", 1)
	case !exists(filepath.Join(hostRoot, run, "systemd")):
		return fmt.Sprintf("the systemd of user %d does not run, because this user is not logged in; as root: loginctl enable-linger %d; and then: %s", w.uid, w.uid, command)
	}
	return command
}

// toGetController says who can delegate a controller that the group at dir lacks: the user's own
// systemd if it has the controller, otherwise the machine's systemd.
func toGetController(dir, controller string) string {
	for ; len(dir) > len(cgroupRoot); dir = filepath.Dir(dir) {
		if have, _ := v2Controllers(dir); hasPrefix(filepath.Base(dir), "user@") && slices.Contains(have, controller) {
			return toGetGroup() + " (in a unit file: Delegate=yes); if that has been done already: systemctl --user daemon-reexec"
		}
	}
	return "as root: systemctl edit user@.service, with the lines [Service] and Delegate=cpu cpuset io memory pids; and then, as the user: systemctl --user daemon-reexec"
}
