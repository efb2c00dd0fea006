// Chapters 7, 8, 9 and 11: the socket pair, the namespaces, the hostname, the ids.
//
// namespaces(7), clone(2), user_namespaces(7), uts_namespaces(7), socketpair(2),
// session-keyring(7), keyctl(2).
//
// Real root clones the container's first process into new mount, PID, IPC, network, UTS and
// cgroup namespaces, so these belong to the host. Only then does the process move into a user
// namespace of its own. Root inside therefore has power over the container's own ids and nothing
// else: the mounts, the network and the hostname belong to a user namespace above. Without root,
// the namespace above is one that the clone makes for this purpose: rootless.go.
//
// Differs from the tutorial: a failing unshare(CLONE_NEWUSER) ends the run (the tutorial ignored
// it, and the command ran as the host's root); the group is joined before the cgroup namespace
// is made, so that /proc/self/cgroup shows "/"; the container leaves the caller's session
// keyring; the loopback interface is brought up; each side closes the other's end of the socket
// pair, and end of file stops the child.

package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// namespaces returns the flags of the clone (step 8). userns adds a user namespace that owns the
// others; it is for callers who are not root (rootless.go). groupVersion is the version of the
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
		// On cgroup v2 the clone puts the child into its group, and the namespace made by the same
		// call has this group as its root. On v1 the child joins the groups itself and then calls
		// unshare: see join in cgroupv1.go.
		f |= unix.CLONE_NEWCGROUP
	}
	return f
}

// cloneStep returns the launcher's step that clones (step 8).
func cloneStep(c *config) []*step {
	f := namespaces(c.rootless.on, c.net, c.group.version()) | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND
	if c.group.version() == 2 {
		f |= unix.CLONE_INTO_CGROUP
	}
	steps := list(hostStep(clones, "clone3", flags(f, showClone), shown("88", showText)).
		because("the container's first process, in its new namespaces: it makes the calls that follow"))
	if !c.init {
		steps = add(steps, hostStep(watches, "clone", shown("child_stack=NULL, flags=0", showText)).
			because("a monitor that ends the container if the launcher is killed: without an init, the command could clear its parent-death signal"))
	}
	return steps
}

// The tutorial's words (step 9), for a name that a person can say and remember. "pinguin" is the
// tutorial's spelling.
var (
	adjectives = [16]string{"blue", "red", "green", "yellow", "big", "small", "tall", "thin",
		"round", "square", "triangular", "weird", "noisy", "silent", "soft", "irregular"}
	nouns = [8]string{"cat", "world", "coffee", "girl", "man", "book", "pinguin", "moon"}
)

// randomHostname returns one of 16 * 8 * 256 names of the form adjective-noun-number.
func randomHostname() string {
	var b [2]byte
	sysRandom(b[:])
	return text(adjectives[b[0]%16], "-", nouns[b[0]>>4%8], "-", decimal(int(b[1])))
}

// setHostname reads --hostname. The name becomes the name of a cgroup directory too, and an
// argument of sethostname(2), which accepts at most 64 bytes.
func (c *config) setHostname(f *runFlags) error {
	name := f.Hostname
	c.hostname = name
	why := ""
	switch {
	case name == "":
		c.hostname = randomHostname()
		return nil
	case len(name) > 64:
		why = text(decimal(len(name)), " bytes long; at most 64 are allowed (sethostname(2))")
	case name == "." || name == "..":
		why = "not allowed, because the resource group's directory gets this name too"
	case contains(name, "/") || contains(name, "\x00") || contains(name, "\n") || contains(name, "\t") || contains(name, " "):
		why = "a hostname must not contain slashes or blanks; the resource group's directory gets this name too"
	case hasPrefix(name, "cgroup.") || hasPrefix(name, "."):
		why = "not allowed, because the resource group's directory gets this name too and the kernel reserves such names"
	default:
		return nil
	}
	return fault(func() error { return fmt.Errorf("--hostname=%s: %s", name, why) })
}

// beginning returns the steps that come before all others: the child must end when the launcher
// ends, and must not wait for a launcher that has already ended.
func beginning(d *fds) []*step {
	return list(
		prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")).
			because("if the launcher dies, so does the container"),
		closeFD(fd(d.parent, "PARENT")).
			because("this is the launcher's end of the socket pair: while it is open here, the launcher's death would not be seen as end of file"),
		umask(0).because("files made below get exactly the mode that is given"),
	)
}

// hostname returns step 9.
func hostname(name string) []*step {
	return list(sethostname(name).because("its own UTS namespace: the host keeps its name"))
}

// sessionKeyring leaves the caller's session keyring. No namespace isolates it: it "is inherited
// across clone(2)" and "preserved across execve(2)" (session-keyring(7)), and a process that has
// it can read the keys in it, whatever its user id. The default filter refuses keyctl, so this
// matters for --seccomp=none and for profiles that allow keyctl. ENOSYS means a kernel without
// keys, or a filter around tincan that applies to the command as well. The step comes before the
// change of ids, so that the keyring counts as the caller's: root may have a million keys, any
// other user 200 (keyrings(7), "maxkeys").
func sessionKeyring() []*step {
	return list(call("keyctl", unix.SYS_KEYCTL, name(unix.KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING"), null()).or(unix.ENOSYS).
		because("a session keyring of its own; otherwise the container would inherit the caller's, with all its keys").hinted(hintKeyring))
}

func hintKeyring(e syscall.Errno) string {
	switch e {
	case unix.EDQUOT:
		return "every container needs a keyring, and this user already has as many keys as /proc/sys/kernel/keys/maxkeys and maxbytes allow: see /proc/key-users"
	case unix.EPERM, unix.EACCES:
		return "a seccomp filter around tincan refuses this call; it must allow keyctl (docker run --security-opt seccomp=FILE), or the container would have the caller's keys"
	}
	return ""
}

// loopback brings the interface lo up. A new network namespace has it, but it is down, and
// programs that talk to themselves over 127.0.0.1 need it. The ioctl needs a socket of the new
// namespace, which only the child can open, so the step before keeps one.
func loopback(net string) []*step {
	if net != "none" {
		return nil
	}
	req := one[ifreq]()
	copy(req.name[:], "lo")
	req.flags = unix.IFF_UP | unix.IFF_RUNNING
	return list(
		call("socket", unix.SYS_SOCKET, name(unix.AF_INET, "AF_INET"), name(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, "SOCK_DGRAM|SOCK_CLOEXEC"), name(unix.IPPROTO_IP, "IPPROTO_IP")).keeping().
			because("interfaces are set up through a socket of their network namespace; any socket will do"),
		call("ioctl", unix.SYS_IOCTL, kept(), name(unix.SIOCSIFFLAGS, "SIOCSIFFLAGS"), mem(unsafe.Pointer(req), `{ifr_name="lo", ifr_flags=IFF_UP|IFF_RUNNING}`)).
			because("127.0.0.1 works, and nothing else is reachable").hinted(hintLoopback),
		closeFD(kept()),
	)
}

func hintLoopback(e syscall.Errno) string {
	if e == unix.EPERM {
		return "tincan lacks CAP_NET_ADMIN, as is usual in another container: docker run --cap-add=NET_ADMIN, or use the host's network: --net=host"
	}
	return ""
}

// ifreq is struct ifreq of netdevice(7): 16 bytes of name, then a union of 24.
type ifreq struct {
	name  [unix.IFNAMSIZ]byte
	flags uint16
	_     [22]byte
}

// userns is step 11: the container's user namespace, the handshake during which the launcher
// writes the maps, and the ids.
func userns(c *config, d *fds) []*step {
	var steps []*step
	if !c.rootless.on && c.hostUID != c.rootless.who.uid {
		steps = list(
			seteuid(c.hostUID).because("the kernel charges what is counted in a user namespace, such as inotify instances, to the user who made it: this should be the container's user, not the host's root"),
			capset(1<<unix.CAP_SYS_ADMIN).because("the change of ids cleared it, and on some hosts a user namespace cannot be made without it"))
	}
	steps = add(steps, unshare(unix.CLONE_NEWUSER).because("from here on, root has power in this namespace only").hinted(hintUserns))
	var byHost []*step
	if c.rootless.on {
		var byChild []*step
		byChild, byHost = innerMaps(c)
		steps = addAll(steps, byChild)
	} else {
		byHost = list(
			mapStep("uid_map", mapLines(c.maps), "only a process of the namespace above can write the maps"),
			mapStep("gid_map", mapLines(c.gidMaps), "the same for group ids"))
	}
	socket := fd(d.child, "SOCKET")
	steps = add(steps, writeBytes(socket, "\x01").as(tellsLauncher).because("tells the launcher that the mounts and the namespace have been made"))
	steps = addAll(steps, byHost)
	steps = add(steps, goStep())
	steps = add(steps, readByte(socket).because("waits for the launcher; end of file means that it has died, and is a failure"))
	if c.rootless.on && !c.rootless.who.maps && c.rootless.helpers[0] == "" {
		return steps // with a single id, the kernel refuses setgroups(2) (user_namespaces(7), "setgroups")
	}
	why := "the container must not have the caller's supplementary groups"
	if len(c.groups) > 0 {
		why = "the groups of the user that -u names, and none of the caller's"
	}
	return add(steps, setgroups(c.groups).because(why))
}

// ids returns the steps that set the ids. They come after the bounding set, because dropping
// from it needs a capability that a change of ids may clear.
func ids(c *config, d *fds) []*step {
	steps := list(setresgid(c.gid).because("the command's group id"))
	if root, mapped := hostID(c.maps, 0); mapped && root == c.rootless.who.uid && c.uid != 0 {
		steps = add(steps, prctl(unix.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS", num(1)).
			because("the caller is root inside too, and the change of user id would clear the capabilities that step 12 chooses from; execve clears this flag"))
	}
	steps = add(steps, setresuid(c.uid).because("the command's user id"))
	steps = add(steps, prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")).
		because("again: a change of ids clears it (prctl(2)); if the launcher has died meanwhile, the command's read of SOCKET fails"))
	return add(steps, prctl(unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE", name(0, "SUID_DUMP_DISABLE")).
		because("until execve this is a copy of the launcher: nobody inside may read its memory through /proc or ptrace"))
}

// mapStep returns the launcher's step that writes a map of ids.
func mapStep(file, lines, why string) *step {
	return hostWrite(inProc, file, text("/proc/PID/", file), lines).because(why).hinted(hintMap)
}

// hintMap explains EPERM. A map that contains user 0 of the namespace above needs CAP_SETFCAP,
// because that user's files could get capabilities.
func hintMap(e syscall.Errno) string {
	if e == unix.EPERM && sysGeteuid() == 0 && !ownCaps().has(unix.CAP_SETFCAP) {
		return "mapping user 0 needs CAP_SETFCAP (user_namespaces(7)), which tincan lacks here: docker run --cap-add=SETFCAP, or run tincan as another user"
	}
	return ""
}

// hintUserns returns the hint for a failed unshare(CLONE_NEWUSER).
func hintUserns(e syscall.Errno) string {
	switch e {
	case unix.EPERM:
		if why := forbidden(); why != "" {
			return why
		}
		return "user namespaces are forbidden here; " + otherReasons
	case unix.ENOSPC:
		return "there are too many user namespaces, or this one would be nested too deeply: end other containers, or raise the limit, as root: sysctl user.max_user_namespaces=10000"
	}
	return ""
}

// goStep returns the launcher's answer that the child waits for.
func goStep() *step {
	return hostStep(answersChild, "write", shown("PARENT", showText), shown("\x01", showQuoted), num(1)).because("lets the child go on")
}

// startStep returns the launcher's last answer, which the command waits for.
func startStep() *step {
	return hostStep(startsCommand, "write", shown("PARENT", showText), shown("\x01", showQuoted), num(1)).
		because("lets the command start: the launcher has looked at the mounts meanwhile (mountverify.go)")
}
