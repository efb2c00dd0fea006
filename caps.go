// Chapter 12: capabilities.
//
// capabilities(7), capset(2), prctl(2) PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS.
//
// A thread has five sets of capabilities, and each is a way to have power or to get
// it back; all five are set. The bounding set is dropped first, which takes
// CAP_SETPCAP, so it comes before the change of ids; ambient and inheritable are
// emptied; effective and permitted become what is kept. A command that runs as
// root inside then has what is kept, and with any other user id it has nothing.
//
// Differs from the tutorial: it changed a local copy of the sets and never wrote
// it to the kernel, so that its command kept everything. Three capabilities are
// newer than it, and any that are newer than this table are dropped as well.

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

// capabilityTable is indexed by the capability's number (linux/capability.h).
// All of them hold in the container's own user namespace only; the reasons say
// what they are good for even so.
var capabilityTable = [...]capability{
	{"CAP_CHOWN", true, false, "changes owners among the ids that are mapped: package managers do"},
	{"CAP_DAC_OVERRIDE", false, true, "passes over permissions; modes should mean what they say inside, too"},
	{"CAP_DAC_READ_SEARCH", false, true, "opens files by handle: the way out of early Docker containers (shocker)"},
	{"CAP_FOWNER", true, false, "chmod of files of the other mapped ids"},
	{"CAP_FSETID", false, true, "keeps set-id bits when a file is changed"},
	{"CAP_KILL", true, false, "signals processes of the other mapped ids; there are none but the container's own"},
	{"CAP_SETGID", true, false, "changes to another mapped group: daemons do"},
	{"CAP_SETUID", true, false, "changes to another mapped user: daemons do"},
	{"CAP_SETPCAP", true, false, "only gives away what one has: the bounding set stays"},
	{"CAP_LINUX_IMMUTABLE", true, false, "the kernel asks for it in the initial user namespace: without effect here"},
	{"CAP_NET_BIND_SERVICE", true, false, "ports below 1024, of its own network only"},
	{"CAP_NET_BROADCAST", true, false, "unused by the kernel"},
	{"CAP_NET_ADMIN", true, false, "a user namespace above owns the network namespace: without effect here"},
	{"CAP_NET_RAW", true, false, "a user namespace above owns the network namespace: without effect here"},
	{"CAP_IPC_LOCK", false, true, "locks memory past RLIMIT_MEMLOCK"},
	{"CAP_IPC_OWNER", true, false, "a user namespace above owns the IPC namespace: without effect here"},
	{"CAP_SYS_MODULE", false, true, "loads code into the kernel"},
	{"CAP_SYS_RAWIO", false, true, "input and output ports, physical memory"},
	{"CAP_SYS_CHROOT", true, false, "chroot inside; there is nothing of the host's to get out to"},
	{"CAP_SYS_PTRACE", true, false, "debuggers, among the container's own processes; the init is out of their reach"},
	{"CAP_SYS_PACCT", true, false, "the kernel asks for it in the initial user namespace: without effect here"},
	{"CAP_SYS_ADMIN", false, true, "mounts, and a hundred other things"},
	{"CAP_SYS_BOOT", false, true, "reboots the machine"},
	{"CAP_SYS_NICE", false, true, "takes processor time from others"},
	{"CAP_SYS_RESOURCE", false, true, "raises the limits that were set"},
	{"CAP_SYS_TIME", false, true, "the clock is everybody's"},
	{"CAP_SYS_TTY_CONFIG", true, false, "the kernel asks for it in the initial user namespace: without effect here"},
	{"CAP_MKNOD", false, true, "device nodes"},
	{"CAP_LEASE", true, false, "leases on its own files (fcntl(2) F_SETLEASE)"},
	{"CAP_AUDIT_WRITE", false, true, "writes to the machine's audit log"},
	{"CAP_AUDIT_CONTROL", false, true, "switches the audit log off"},
	{"CAP_SETFCAP", false, true, "gives files capabilities"},
	{"CAP_MAC_OVERRIDE", false, true, "passes over Smack and the like"},
	{"CAP_MAC_ADMIN", false, true, "changes AppArmor's and Smack's rules"},
	{"CAP_SYSLOG", false, true, "the kernel's log, and its addresses"},
	{"CAP_WAKE_ALARM", false, true, "wakes the machine"},
	{"CAP_BLOCK_SUSPEND", false, true, "keeps the machine awake"},
	{"CAP_AUDIT_READ", false, true, "reads the audit log"},
	{"CAP_PERFMON", false, false, "measures the whole machine; newer than the tutorial (5.8)"},
	{"CAP_BPF", false, false, "programs in the kernel; newer than the tutorial (5.8)"},
	{"CAP_CHECKPOINT_RESTORE", false, false, "chooses process ids, reads others' memory maps; newer than the tutorial (5.9)"},
}

// capSet is a set of capabilities, a bit for each number.
type capSet uint64

func (s capSet) has(n int) bool { return s>>n&1 == 1 }

// names lists the set as CAP_ names.
func (s capSet) names() []string {
	var out []string
	for n := 0; n < 64; n++ {
		if s.has(n) {
			out = append(out, capName(n))
		}
	}
	return out
}

// text is the set as strace shows it.
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

func capName(n int) string {
	if n < len(capabilityTable) {
		return capabilityTable[n].name
	}
	return decimal(n)
}

// keptCaps is what the table keeps.
func keptCaps() capSet {
	var s capSet
	for n := range capabilityTable {
		if capabilityTable[n].kept {
			s |= 1 << n
		}
	}
	return s
}

// lastCap is the highest capability number that the running kernel knows: PR_CAPBSET_READ
// of prctl(2) refuses the next. It is looked for from the end of the table on.
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

// ownCaps is the launcher's effective set. capget(2) of oneself does not fail.
func ownCaps() capSet {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	sysCapget(&header, &data)
	return capSet(data[1].Effective)<<32 | capSet(data[0].Effective)
}

// dockerList are those that Docker's containers have (moby, oci/caps/defaults.go).
const dockerList capSet = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FSETID | 1<<unix.CAP_FOWNER | 1<<unix.CAP_MKNOD |
	1<<unix.CAP_NET_RAW | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETFCAP | 1<<unix.CAP_SETPCAP |
	1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_KILL | 1<<unix.CAP_AUDIT_WRITE

// setCaps reads --caps, --cap-add and --cap-drop; of the last two the former wins.
func (c *config) setCaps(f *runFlags) error {
	last := lastCap()
	c.lastCap, c.keep = last, keptCaps()
	switch f.Caps {
	case "", "tutorial":
	case "docker":
		c.keep = dockerList
	default:
		return fault(func() error {
			return fmt.Errorf("--caps=%s: no such list: docker, or tutorial, which is the default; single capabilities are --cap-add and --cap-drop", f.Caps)
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

// parseCap returns the bits of NAME, CAP_NAME (in any case) or ALL.
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
				return fmt.Errorf("%s=%s: this kernel does not know it yet (its last is %s)", flag, s, capName(last))
			})
		}
		return 1 << n, nil
	}
	return 0, fault(func() error {
		return fmt.Errorf("%s=%s: no such capability: see capabilities(7), for instance CAP_NET_ADMIN, or ALL", flag, s)
	})
}

// bounding drops from the bounding set whatever is not kept, so that no execve can give it
// back.
func bounding(kept capSet, last int) []*step {
	var steps []*step
	for n := 0; n <= last; n++ {
		if kept.has(n) {
			continue
		}
		why := "newer than this program: dropped unseen"
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

// caps sets the other four sets, and closes the last door: no execve gives any privilege
// that the process does not have by now.
func caps(kept capSet) []*step {
	return list(
		prctl5(unix.PR_CAP_AMBIENT, "PR_CAP_AMBIENT", name(unix.PR_CAP_AMBIENT_CLEAR_ALL, "PR_CAP_AMBIENT_CLEAR_ALL")).
			because("ambient capabilities would pass to programs of any user"),
		capset(kept).because("effective and permitted: what is kept; inheritable: nothing"),
		prctl5(unix.PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS", num(1)).
			because("execve gives nobody more than they have: set-id bits and file capabilities are dead"),
	)
}

// capset is capset(2) of the calling process: effective and permitted, and nothing inheritable.
func capset(s capSet) *step {
	header := keep(unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3})
	low, high := uint32(s), uint32(s>>32)
	data := keep([2]unix.CapUserData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}})
	return call("capset", unix.SYS_CAPSET,
		mem(unsafe.Pointer(header), "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}"), memory(unsafe.Pointer(data), showCapData), no, no, no, no)
}

func showCapData(a arg) string {
	d := (*[2]unix.CapUserData)(a.p)
	kept := (capSet(d[1].Permitted)<<32 | capSet(d[0].Permitted)).text()
	return "{effective=" + kept + ", permitted=" + kept + ", inheritable=0}"
}
