// Chapter 12: capabilities.
//
// capabilities(7), capset(2), prctl(2) PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS.
//
// A thread has five sets of capabilities. Each of them is a way to have privileges or to get
// them back, so all five are set. The bounding set is reduced first: that needs CAP_SETPCAP, so
// it comes before the change of ids. The ambient and inheritable sets are emptied; the effective
// and permitted sets become the capabilities that are kept. A command that runs as root inside
// then has these, and with any other user id it has none.
//
// Differs from the tutorial: the tutorial changed a local copy of the sets and never wrote it to
// the kernel, so its command kept all capabilities. Three capabilities are newer than the
// tutorial; any that are newer than this table are dropped as well.

package main

import (
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// capability is a row of the table.
type capability struct {
	name     string
	kept     bool
	tutorial bool // the tutorial drops it
	why      string
}

// capabilityTable is indexed by the capability's number (linux/capability.h). All capabilities
// are valid in the container's own user namespace only; the reasons say what they can do even
// there.
var capabilityTable = [...]capability{
	{"CAP_CHOWN", true, false, "changes owners among the mapped ids, as package managers do"},
	{"CAP_DAC_OVERRIDE", false, true, "ignores file permissions, which should be effective inside too"},
	{"CAP_DAC_READ_SEARCH", false, true, "opens files by handle: the way out of early Docker containers (shocker)"},
	{"CAP_FOWNER", true, false, "chmod of files of the other mapped ids"},
	{"CAP_FSETID", false, true, "keeps set-id bits when a file is changed"},
	{"CAP_KILL", true, false, "signals processes of the other mapped ids; there are none but the container's own"},
	{"CAP_SETGID", true, false, "changes to another mapped group, as daemons do"},
	{"CAP_SETUID", true, false, "changes to another mapped user, as daemons do"},
	{"CAP_SETPCAP", true, false, "can only give away what the process has: the bounding set stays"},
	{"CAP_LINUX_IMMUTABLE", true, false, "valid only in the initial user namespace: no effect here"},
	{"CAP_NET_BIND_SERVICE", true, false, "opens ports below 1024, of its own network only"},
	{"CAP_NET_BROADCAST", true, false, "unused by the kernel"},
	{"CAP_NET_ADMIN", true, false, "a user namespace above owns the network namespace: no effect here"},
	{"CAP_NET_RAW", true, false, "a user namespace above owns the network namespace: no effect here"},
	{"CAP_IPC_LOCK", false, true, "locks more memory than RLIMIT_MEMLOCK allows"},
	{"CAP_IPC_OWNER", true, false, "a user namespace above owns the IPC namespace: no effect here"},
	{"CAP_SYS_MODULE", false, true, "loads code into the kernel"},
	{"CAP_SYS_RAWIO", false, true, "accesses input and output ports and physical memory"},
	{"CAP_SYS_CHROOT", true, false, "chroot inside; nothing of the host could be reached by leaving it"},
	{"CAP_SYS_PTRACE", true, false, "debugs the container's own processes, but not the init"},
	{"CAP_SYS_PACCT", true, false, "valid only in the initial user namespace: no effect here"},
	{"CAP_SYS_ADMIN", false, true, "mounts, and does a hundred other things"},
	{"CAP_SYS_BOOT", false, true, "reboots the machine"},
	{"CAP_SYS_NICE", false, true, "takes processor time from others"},
	{"CAP_SYS_RESOURCE", false, true, "raises the limits that were set"},
	{"CAP_SYS_TIME", false, true, "sets the clock of the whole machine"},
	{"CAP_SYS_TTY_CONFIG", true, false, "valid only in the initial user namespace: no effect here"},
	{"CAP_MKNOD", false, true, "makes device nodes"},
	{"CAP_LEASE", true, false, "takes leases on its own files (fcntl(2) F_SETLEASE)"},
	{"CAP_AUDIT_WRITE", false, true, "writes to the machine's audit log"},
	{"CAP_AUDIT_CONTROL", false, true, "switches the audit log off"},
	{"CAP_SETFCAP", false, true, "gives files capabilities"},
	{"CAP_MAC_OVERRIDE", false, true, "overrides Smack and other security modules"},
	{"CAP_MAC_ADMIN", false, true, "changes AppArmor's and Smack's rules"},
	{"CAP_SYSLOG", false, true, "reads the kernel's log and its addresses"},
	{"CAP_WAKE_ALARM", false, true, "wakes the machine"},
	{"CAP_BLOCK_SUSPEND", false, true, "keeps the machine awake"},
	{"CAP_AUDIT_READ", false, true, "reads the audit log"},
	{"CAP_PERFMON", false, false, "measures the whole machine; newer than the tutorial (5.8)"},
	{"CAP_BPF", false, false, "loads programs into the kernel; newer than the tutorial (5.8)"},
	{"CAP_CHECKPOINT_RESTORE", false, false, "chooses process ids and reads memory maps of other processes; newer than the tutorial (5.9)"},
}

// capSet is a set of capabilities, with one bit for each number.
type capSet uint64

// has reports whether the set contains a capability.
func (s capSet) has(n int) bool { return s>>n&1 == 1 }

// names returns the CAP_ names of the set.
func (s capSet) names() []string {
	var out []string
	for n := 0; n < 64; n++ {
		if s.has(n) {
			out = append(out, capName(n))
		}
	}
	return out
}

// text returns the set as strace shows it.
func (s capSet) text() string {
	if s == 0 {
		return "0"
	}
	names := s.names()
	for i, n := range names {
		names[i] = "1<<" + n
	}
	return strings.Join(names, "|")
}

// capName returns the name of a capability, or its number if it is newer than the table.
func capName(n int) string {
	if n < len(capabilityTable) {
		return capabilityTable[n].name
	}
	return decimal(n)
}

// keptCaps returns the capabilities that the table keeps.
func keptCaps() capSet {
	var s capSet
	for n := range capabilityTable {
		if capabilityTable[n].kept {
			s |= 1 << n
		}
	}
	return s
}

// lastCap returns the highest capability number that the running kernel knows. prctl(2)
// PR_CAPBSET_READ refuses the next one. The search begins at the end of the table.
func lastCap() int {
	n := len(capabilityTable) - 1
	for n > 0 && !sysKnowsCap(n) {
		n--
	}
	for n < 63 && sysKnowsCap(n+1) {
		n++
	}
	return n
}

func sysKnowsCap(n int) bool {
	_, e := rawCall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0, 0)
	return e == 0
}

// ownCaps returns the launcher's effective set. capget(2) of the own process does not fail.
func ownCaps() capSet {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	sysCapget(&header, &data)
	return capSet(data[1].Effective)<<32 | capSet(data[0].Effective)
}

// dockerList contains the capabilities of Docker's containers (moby, oci/caps/defaults.go).
const dockerList capSet = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FSETID | 1<<unix.CAP_FOWNER | 1<<unix.CAP_MKNOD |
	1<<unix.CAP_NET_RAW | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETFCAP | 1<<unix.CAP_SETPCAP |
	1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_KILL | 1<<unix.CAP_AUDIT_WRITE

// setCaps reads --caps, --cap-add and --cap-drop. A capability given to both of the latter is
// added.
func (c *config) setCaps(f *runFlags) error {
	last := lastCap()
	c.lastCap, c.keep = last, keptCaps()
	switch f.Caps {
	case "", "tutorial":
	case "docker":
		c.keep = dockerList
	default:
		return fault(func() error {
			return fmt.Errorf("--caps=%s: there is no such list: choose docker, or tutorial, which is the default; --cap-add and --cap-drop change single capabilities", f.Caps)
		})
	}
	for _, s := range f.CapDrop {
		set, err := parseCap("--cap-drop", s, last)
		if err != nil {
			return err
		}
		c.keep &^= set
	}
	for _, s := range f.CapAdd {
		set, err := parseCap("--cap-add", s, last)
		if err != nil {
			return err
		}
		c.keep |= set
	}
	return nil
}

// parseCap returns the bits of NAME, CAP_NAME (in upper or lower case) or ALL.
func parseCap(flag, s string, last int) (capSet, error) {
	if sameLetters(s, "ALL") {
		return capSet(1)<<(last+1) - 1, nil
	}
	for n := range capabilityTable {
		name := capabilityTable[n].name
		if !sameLetters(s, name) && !sameLetters(s, name[len("CAP_"):]) {
			continue
		}
		if n > last {
			return 0, fault(func() error {
				return fmt.Errorf("%s=%s: this kernel does not know this capability (its last is %s)", flag, s, capName(last))
			})
		}
		return 1 << n, nil
	}
	return 0, fault(func() error {
		said := "write for instance CAP_NET_ADMIN, or ALL"
		if near := nearest("CAP_"+strings.TrimPrefix(strings.ToUpper(s), "CAP_"), capSet(1<<len(capabilityTable)-1).names()); near != "" {
			said = "did you mean " + near + "?"
		}
		return fmt.Errorf("%s=%s: there is no such capability; %s (capabilities(7) lists them)", flag, s, said)
	})
}

// bounding returns the steps that drop all capabilities that are not kept from the bounding set,
// so that no execve can give them back.
func bounding(kept capSet, last int) []*step {
	var steps []*step
	for n := 0; n <= last; n++ {
		if kept.has(n) {
			continue
		}
		why := "newer than this version of tincan"
		if n < len(capabilityTable) {
			why = capabilityTable[n].why
			if capabilityTable[n].kept {
				why = "--caps or --cap-drop"
			}
		}
		steps = add(steps, prctl(unix.PR_CAPBSET_DROP, "PR_CAPBSET_DROP", name(n, capName(n))).because(why))
	}
	return steps
}

// caps returns the steps that set the other four sets and no_new_privs: after these, no execve
// gives privileges that the process does not already have.
func caps(kept capSet) []*step {
	return list(
		prctl5(unix.PR_CAP_AMBIENT, "PR_CAP_AMBIENT", name(unix.PR_CAP_AMBIENT_CLEAR_ALL, "PR_CAP_AMBIENT_CLEAR_ALL")).
			because("ambient capabilities would be passed to programs of any user"),
		capset(kept).because("effective and permitted: what is kept; inheritable: nothing"),
		prctl5(unix.PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS", num(1)).
			because("execve gives no new privileges: set-user-ID bits and file capabilities have no effect"),
	)
}

// capset is capset(2) of the calling process: it sets effective and permitted, and leaves
// nothing inheritable.
func capset(s capSet) *step {
	header := keep(unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3})
	low, high := uint32(s), uint32(s>>32)
	data := keep([2]unix.CapUserData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}})
	return call("capset", unix.SYS_CAPSET,
		mem(unsafe.Pointer(header), "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}"), memory(unsafe.Pointer(data), showCapData))
}

func showCapData(a arg) string {
	d := (*[2]unix.CapUserData)(a.p)
	kept := (capSet(d[1].Permitted)<<32 | capSet(d[0].Permitted)).text()
	return "{effective=" + kept + ", permitted=" + kept + ", inheritable=0}"
}
