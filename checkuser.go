// `tincan check`, continued: what the user who runs it may do.
//
// capabilities(7), user_namespaces(7), subuid(5), cgroups(7).

package main

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// neededCaps lists the capabilities that the launcher uses as root.
var neededCaps = []struct {
	n   int
	why string
}{
	{unix.CAP_NET_ADMIN, "the loopback interface"},
	{unix.CAP_SETUID, "the map of user ids"},
	{unix.CAP_SETGID, "the map of group ids"},
	{unix.CAP_DAC_OVERRIDE, "files of the resource group and of the root directory"},
}

// checkUser checks what the caller may have: capabilities and, without root, ids.
func checkUser() []finding {
	w := whoIs()
	var out []finding
	if last := lastCap(); last >= len(capabilityTable) {
		out = append(out, finding{"note", "capabilities", fmt.Sprintf("this kernel has %d that tincan does not know; they are dropped", last+1-len(capabilityTable)), ""})
	}
	if !w.root {
		return append(out, checkRootless(w)...)
	}
	out = append(out, finding{"ok", "user", "this is user 0, with root's power", ""})
	effective := ownCaps()
	for _, c := range neededCaps {
		if !effective.has(c.n) {
			out = append(out, finding{"missing", "capabilities", capName(c.n) + " is missing; tincan needs it for " + c.why, "run tincan outside of a container, or give that container the capability with --cap-add (docker run --privileged)"})
		}
	}
	return out
}

// checkRootless checks for users who are not root.
func checkRootless(w caller) []finding {
	who := fmt.Sprintf("this is user %d, not root: the container is made in a user namespace", w.uid)
	if w.uid == 0 {
		who = "this is user 0 without CAP_SYS_ADMIN, as in another container: the container is made in a user namespace"
	}
	out := []finding{{"ok", "user", who, ""}}
	if w.maps {
		return append(out, finding{"ok", "ids", "any map may be written (CAP_SETUID, CAP_SETGID)", ""})
	}
	g, err := grantsOf(&w)
	switch {
	case err != nil:
		return append(out, finding{"missing", "ids", err.Error(), ""})
	case g.lacks != nil:
		what, how, _ := strings.Cut(g.lacks.String(), ": ")
		out = append(out, finding{"note", "ids", fmt.Sprintf("one, the own: inside it is what --uid says; %s", what), how})
	default:
		out = append(out, finding{"ok", "ids", fmt.Sprintf("%d is 0 inside, and then %s", w.uid, outsideText(g.uids)), ""})
	}
	return append(out, finding{"note", "files", fmt.Sprintf("the command has the rights of user %d for the host's files, unless --map leaves that id out", w.uid), ""})
}

// checkUserns looks for reasons why this host forbids user namespaces.
func checkUserns() []finding {
	var out []finding
	for _, o := range obstacles() {
		if o.sure && o.there() && (o.all || !whoIs().root) {
			out = append(out, finding{"missing", "user namespaces", o.cause, o.remedy})
		}
	}
	return out
}

// defaultGroup returns the resource group of a run without flags.
func defaultGroup() (*config, error) {
	c := &config{hostname: "tincan-check"}
	if w := whoIs(); !w.root {
		c.rootless = rootless{on: true, who: w}
	}
	return c, c.setLimits(&runFlags{})
}

// hasGroup reports whether a run by the caller gets a resource group.
func hasGroup() bool {
	c, err := defaultGroup()
	return err == nil && !c.group.none
}

// checkGroup checks the resource group. A user's run does not fail without one.
func checkGroup() []finding {
	c, err := defaultGroup()
	if err != nil {
		return []finding{{"missing", "resource group", err.Error(), ""}}
	}
	if c.group.lacks != nil {
		return []finding{lackingGroup(c.group.lacks)}
	}
	var out []finding
	for _, dir := range c.group.dirs(c.hostname) {
		out = append(out, finding{"ok", "resource group", fmt.Sprintf("version %d: %s", c.group.version(), strings.TrimSuffix(dir, c.hostname)), ""})
	}
	return out
}

// lackingGroup returns the line for a user without a group: why there is none, and how to get
// one.
func lackingGroup(lacks error) finding {
	what, how, _ := strings.Cut(lacks.Error(), "; ")
	if strings.HasPrefix(how, "to get ") || strings.HasPrefix(how, "to have ") { // check says that itself
		_, how, _ = strings.Cut(how, ": ")
	}
	return finding{"note", "resource group", "none: a limit flag is an error, and the default limits are replaced by those of setrlimit(2): 1GiB of data for each process, and 64 processes; " + what, how}
}
