// Chapters 7, 8, 9 and 11: the socket pair, the namespaces, the hostname, the ids.
//
// namespaces(7), clone(2), user_namespaces(7), uts_namespaces(7), socketpair(2),
// session-keyring(7), keyctl(2).
//
// The container's first process is cloned into new mount, PID, IPC, network, UTS
// and cgroup namespaces by real root, so the host owns them; only then does it
// drop into a user namespace of its own. Root inside therefore has power over its
// own ids and nothing else: the mounts, the network and the hostname it lives in
// belong to a user namespace above its own. Without root that is a user namespace
// made for the purpose, with the clone: rootless.go.
//
// Differs from the tutorial: a failing unshare(CLONE_NEWUSER) ends the run (there
// it was ignored and the command ran as the host's root); the group is joined
// before the cgroup namespace is made, so that /proc/self/cgroup says "/"; the
// caller's session keyring is left; the loopback interface is brought up; each side
// closes the other's end of the socket pair, and end-of-file stops the child.

package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// namespaces are the flags of the clone (step 8). userns is for a caller who is not root:
// the new user namespace owns the others (rootless.go). groupVersion is that of the
// resource group, or 0.
func namespaces(userns bool, net string, groupVersion int) uintptr {
	f := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if userns {
		f |= unix.CLONE_NEWUSER
	}
	if net == "none" {
		f |= unix.CLONE_NEWNET
	}
	if groupVersion != 1 {
		// On cgroup v2 the clone puts the child into its group, and the namespace
		// made by the same call is rooted there. On v1 the child joins the groups
		// itself and then unshares: see join in cgroupv1.go.
		f |= unix.CLONE_NEWCGROUP
	}
	return f
}

// cloneStep is the host's: the clone of step 8.
func cloneStep(c *config) []*step {
	f := namespaces(c.rootless.on, c.net, c.group.version()) | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND
	if c.group.version() == 2 {
		f |= unix.CLONE_INTO_CGROUP
	}
	steps := list(hostStep(clones, "clone3", flags(f, showClone), shown("88", showText)).
		because("the container's first process, in its new namespaces: from here on it makes the calls"))
	if !c.init {
		steps = add(steps, hostStep(watches, "clone", shown("child_stack=NULL, flags=0", showText), no).
			because("a monitor, which ends the container if the launcher is killed: without an init the command can clear its death signal"))
	}
	return steps
}

// The tutorial's words (step 9), for a name that a person can say and remember; "pinguin" is its
// spelling.
var (
	adjectives = [16]string{"blue", "red", "green", "yellow", "big", "small", "tall", "thin",
		"round", "square", "triangular", "weird", "noisy", "silent", "soft", "irregular"}
	nouns = [8]string{"cat", "world", "coffee", "girl", "man", "book", "pinguin", "moon"}
)

// randomHostname is adjective-noun-number: 16 * 8 * 256 of them.
func randomHostname() string {
	var b [2]byte
	sysRandom(b[:])
	return text(adjectives[b[0]%16], "-", nouns[b[0]>>4%8], "-", decimal(int(b[1])))
}

// setHostname reads --hostname. The name is a directory of cgroupfs as well, and is passed
// to sethostname(2), which takes 64 bytes.
func (c *config) setHostname(f *runFlags) error {
	name := f.Hostname
	c.hostname = name
	why := ""
	switch {
	case name == "":
		c.hostname = randomHostname()
		return nil
	case len(name) > 64:
		why = text(decimal(len(name)), " bytes, and 64 is the most (sethostname(2))")
	case name == "." || name == "..":
		why = "also names the resource group, a directory"
	case contains(name, "/") || contains(name, "\x00") || contains(name, "\n") || contains(name, "\t") || contains(name, " "):
		why = "slashes and blanks do not belong in a hostname, which also names the resource group, a directory"
	case hasPrefix(name, "cgroup.") || hasPrefix(name, "."):
		why = "also names the resource group, a directory, and the kernel keeps such names for itself"
	default:
		return nil
	}
	return fault(func() error { return fmt.Errorf("--hostname=%s: %s", name, why) })
}

// beginning is what must come before everything else: the child dies with the launcher,
// and waits for nobody who is gone.
func beginning(d *fds) []*step {
	return list(
		prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")).
			because("if the launcher dies, so does the container"),
		closeFD(fd(d.parent, "PARENT")).
			because("the launcher's end of the socket pair: with it open here, the launcher's death would not read as end-of-file"),
		umask(0).because("the modes of what is made below are the modes it gets"),
	)
}

// hostname is step 9.
func hostname(name string) []*step {
	return list(sethostname(name).because("its own UTS namespace: the host keeps its name"))
}

// sessionKeyring leaves the caller's session keyring. No namespace covers it: it "is
// inherited across clone(2)" and "preserved across execve(2)" (session-keyring(7)), and
// who has it can read the keys in it, whatever the user id. The default filter refuses
// keyctl; this is for --seccomp=none, and for profiles that allow it. ENOSYS is a kernel
// without keys, or a filter around tincan that the command will be under as well. It comes
// before the change of ids, so that the keyring counts as the caller's: root may have a
// million keys, anybody else 200 (keyrings(7), "maxkeys").
func sessionKeyring() []*step {
	return list(call("keyctl", unix.SYS_KEYCTL, name(unix.KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING"), null(), no, no, no, no).or(unix.ENOSYS).
		because("a session keyring of its own: the caller's, with the keys in it, would be inherited").hinted(hintKeyring))
}

func hintKeyring(e syscall.Errno) string {
	switch e {
	case unix.EDQUOT:
		return "every container takes a keyring, and this user has as many keys as /proc/sys/kernel/keys/maxkeys and maxbytes allow: see /proc/key-users"
	case unix.EPERM, unix.EACCES:
		return "a filter around tincan refuses it, and must allow keyctl (docker run --security-opt seccomp=FILE); without it the container would have the caller's keys"
	}
	return ""
}

// loopback brings the interface lo up. A new network namespace holds it, but down,
// and programs that talk to themselves over 127.0.0.1 expect it. The ioctl needs a
// socket of the new namespace, which only the child can open: hence the kept result.
func loopback(net string) []*step {
	if net != "none" {
		return nil
	}
	req := one[ifreq]()
	copy(req.name[:], "lo")
	req.flags = unix.IFF_UP | unix.IFF_RUNNING
	return list(
		call("socket", unix.SYS_SOCKET, name(unix.AF_INET, "AF_INET"), name(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, "SOCK_DGRAM|SOCK_CLOEXEC"), name(unix.IPPROTO_IP, "IPPROTO_IP"), no, no, no).keeping().
			because("any socket of the new network namespace: interfaces are set up through one"),
		call("ioctl", unix.SYS_IOCTL, kept(), name(unix.SIOCSIFFLAGS, "SIOCSIFFLAGS"), mem(unsafe.Pointer(req), `{ifr_name="lo", ifr_flags=IFF_UP|IFF_RUNNING}`), no, no, no).
			because("127.0.0.1 works, and nothing else is reachable").hinted(hintLoopback),
		closeFD(kept()),
	)
}

func hintLoopback(e syscall.Errno) string {
	if e == unix.EPERM {
		return "CAP_NET_ADMIN has been taken away, as in another container: docker run --cap-add=NET_ADMIN, or do without a network of its own: --net=host"
	}
	return ""
}

// ifreq is struct ifreq of netdevice(7): 16 bytes of name, then a union of 24.
type ifreq struct {
	name  [unix.IFNAMSIZ]byte
	flags uint16
	_     [22]byte
}

// userns is step 11: a user namespace of its own, the handshake in which the launcher
// writes the maps, and the ids.
func userns(c *config, d *fds) []*step {
	var steps []*step
	if !c.rootless.on && c.hostUID != c.rootless.who.uid {
		steps = list(
			seteuid(c.hostUID).because("whoever makes a user namespace pays for what is counted in it, such as inotify instances: the container's user, and not the host's root"),
			capset(1<<unix.CAP_SYS_ADMIN).because("the change of ids took it away, and some hosts let nobody make a user namespace without it"))
	}
	steps = add(steps, unshare(unix.CLONE_NEWUSER).because("from here on, root is root of this namespace only").hinted(hintUserns))
	var byHost []*step
	if c.rootless.on {
		var byChild []*step
		byChild, byHost = innerMaps(c)
		steps = addAll(steps, byChild)
	} else {
		byHost = list(
			mapStep("uid_map", mapLines(c.maps), "the maps can only be written from the namespace above"),
			mapStep("gid_map", mapLines(c.gidMaps), "the same for groups"))
	}
	socket := fd(d.child, "SOCKET")
	steps = add(steps, writeBytes(socket, "\x01").as(tellsLauncher).because("tells the launcher that the mounts and the namespace are there"))
	steps = addAll(steps, byHost)
	steps = add(steps, goStep())
	steps = add(steps, readByte(socket).because("waits for the launcher; end-of-file, its death, is a failure"))
	if c.rootless.on && !c.rootless.who.maps && c.rootless.helpers[0] == "" {
		return steps // the kernel lets nobody leave a group who has a single id (user_namespaces(7), "setgroups")
	}
	return add(steps, setgroups().because("the caller's supplementary groups are not the container's"))
}

// ids come after the bounding set, whose drop needs a capability that a change of ids may
// take.
func ids(c *config, d *fds) []*step {
	steps := list(setresgid(c.gid).because("the group inside"))
	if root, mapped := hostID(c.maps, 0); mapped && root == c.rootless.who.uid && c.uid != 0 {
		steps = add(steps, prctl(unix.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS", num(1)).
			because("whoever started tincan is root inside too, and would lose by the change what step 12 chooses from; execve clears it"))
	}
	steps = add(steps, setresuid(c.uid).because("the user inside"))
	steps = add(steps, prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")).
		because("again: a change of ids clears it (prctl(2))"))
	steps = add(steps, writeBytes(fd(d.child, "SOCKET"), "\x01").
		because("fails if the launcher died while the setting was cleared"))
	return add(steps, prctl(unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE", name(0, "SUID_DUMP_DISABLE")).
		because("until execve this is a copy of the launcher: nobody inside may read its memory through /proc or ptrace"))
}

// mapStep is the host's write of a map of ids.
func mapStep(file, lines, why string) *step {
	return hostWrite(inProc, file, text("/proc/PID/", file), lines).because(why).hinted(hintMap)
}

// hintMap: user 0 of a namespace has its files, and a map of it asks for more than others.
func hintMap(e syscall.Errno) string {
	if e == unix.EPERM && sysGeteuid() == 0 && !ownCaps().has(unix.CAP_SETFCAP) {
		return "user 0 can be mapped with CAP_SETFCAP only (user_namespaces(7)), which has been taken away: docker run --cap-add=SETFCAP, or run tincan as another user"
	}
	return ""
}

func hintUserns(e syscall.Errno) string {
	switch e {
	case unix.EPERM:
		if why := forbidden(); why != "" {
			return why
		}
		return "user namespaces are forbidden here; " + otherReasons
	case unix.ENOSPC:
		return "no more user namespaces, or too deep in others: see /proc/sys/user/max_user_namespaces"
	}
	return ""
}

// goStep is the host's answer that the child waits for.
func goStep() *step {
	s := hostStep(answersChild, "write", shown("PARENT", showText), shown("\x01", showQuoted))
	s.set(2, num(1))
	return s.because("go on")
}
