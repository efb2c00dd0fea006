// `tincan check`: what this host supports, what is missing, and how to get it.
//
// namespaces(7), cgroups(7), capabilities(7), seccomp(2).
//
// Each line is about one thing that a container needs. The last line is a container: every step
// of a plan is made except the command's, whose file does not exist, and everything is removed
// again.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// checkCmd is the command line of `tincan check`.
type checkCmd struct{}

func (checkCmd) Help() string {
	return `One line for each thing that a container needs: ok, missing (and how to get it), or a note on a default that this host cannot have. The last line is a trial: a container is made, up to the command, and taken down. Exit status 0 if 'tincan run' works here, 125 if it does not.`
}

// finding is a line of the report.
type finding struct {
	state string // "ok", "missing" or "note"
	what  string
	text  string
	help  string // how to get what is missing
}

// print writes the report. If something is missing, it returns an error with an exit status and
// without a message.
func (checkCmd) print(w io.Writer) error {
	all := checkKernel()
	if err := checkProc(); err != nil {
		all = append(all, finding{"missing", "/proc", oneLine(err), ""}, finding{"note", "the rest", "not checked: nearly all of it is read in /proc", ""})
	} else {
		all = checkRest(all)
	}
	var b strings.Builder
	var failed error
	for _, f := range all {
		if f.state == "missing" {
			failed = &exitError{statusFailed, nil}
		}
		fmt.Fprintf(&b, "%-8s %-16s %s\n", f.state, f.what, printable(f.text))
		if f.help != "" {
			fmt.Fprintf(&b, "%-8s %-16s to get it: %s\n", "", "", strings.ReplaceAll(f.help, "\n", "\n"+strings.Repeat(" ", 26)))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	return failed
}

// checkRest adds the checks that need /proc.
func checkRest(all []finding) []finding {
	for _, look := range []func() []finding{checkUser, checkNamespaces, checkSeccomp, checkAppArmor, checkGroup, checkDev, checkOverlay} {
		all = append(all, look()...)
	}
	if slices.ContainsFunc(all, func(f finding) bool { return f.state == "missing" }) {
		return append(all, finding{"note", "trial", "not made, since something is missing", ""})
	}
	return append(all, checkTrial()...)
}

// oneLine returns an error and its hints as one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func checkKernel() []finding {
	release, _ := kernelRelease()
	if err := supported(); err != nil {
		return []finding{{"missing", "kernel", err.Error(), "a newer kernel"}}
	}
	return []finding{{"ok", "kernel", "Linux " + release + " (5.14 or newer is needed)", ""}}
}

func checkNamespaces() []finding {
	var out, have = []finding(nil), []string(nil)
	for _, ns := range []struct{ file, config string }{
		{"mnt", ""}, {"pid", "PID_NS"}, {"ipc", "IPC_NS"}, {"net", "NET_NS"}, {"uts", "UTS_NS"}, {"cgroup", "CGROUPS"}, {"user", "USER_NS"},
	} {
		if exists("/proc/self/ns/" + ns.file) {
			have = append(have, ns.file)
		} else {
			out = append(out, finding{"missing", "namespaces", ns.file + ": this kernel has none", "a kernel with CONFIG_" + ns.config})
		}
	}
	out = append([]finding{{"ok", "namespaces", strings.Join(have, ", "), ""}}, out...)
	return append(out, checkUserns()...)
}

func checkSeccomp() []finding {
	b, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail")
	if err != nil {
		return []finding{{"missing", "seccomp", "this kernel has no seccomp filters: " + err.Error(), "a kernel with CONFIG_SECCOMP_FILTER, or --seccomp=none"}}
	}
	return []finding{{"ok", "seccomp", "actions " + strings.TrimSpace(string(b)), ""}}
}

func checkAppArmor() []finding {
	if _, err := findAppArmor(); err != nil {
		return []finding{{"note", "apparmor", "--apparmor is unavailable: " + err.Error(), ""}}
	}
	return []finding{{"ok", "apparmor", "profiles can be entered with --apparmor", ""}}
}

func checkDev() []finding {
	if err := checkDevices(); err != nil {
		return []finding{{"missing", "devices", err.Error(), ""}}
	}
	return []finding{{"ok", "devices", "/dev has null, zero, full, random, urandom and tty", ""}}
}

// checkOverlay looks for overlayfs, which a kernel may load when it is first mounted.
func checkOverlay() []finding {
	if b, _ := os.ReadFile("/proc/filesystems"); !strings.Contains(string(b), "\toverlay\n") {
		return []finding{{"note", "overlayfs", "not loaded, but --ephemeral needs it (modprobe overlay)", ""}}
	}
	return []finding{{"ok", "overlayfs", "the root can be written for one run with --ephemeral", ""}}
}

// checkTrial makes a container whose command does not exist. If nothing else fails, everything
// works.
func checkTrial() []finding {
	const nothing = "/proc/self/tincan-check"
	f := &runFlags{Net: "none", Init: true, Seccomp: "default", Workdir: "/", Args: []string{nothing}}
	f.NoCgroup = !hasGroup()
	lockThread()
	l, err := newLaunch(f)
	if err == nil {
		err = l.carryOut()
	}
	var failed *callError
	if !errors.As(err, &failed) || failed.step == nil || failed.step.kind != executes || errnoOf(failed) != unix.ENOENT {
		if err == nil {
			err = errors.New("the command, which does not exist, was executed")
		}
		return []finding{{"missing", "trial", oneLine(err), ""}}
	}
	var out []finding
	for _, line := range append(l.c.group.absent, l.absent...) {
		out = append(out, finding{"note", "resource group", line, ""})
	}
	return append(out, finding{"ok", "trial", fmt.Sprintf("a container was made, with %d of its plan's %d calls, and taken down", failed.index-1, failed.total), ""})
}
