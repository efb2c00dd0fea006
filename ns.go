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
	"encoding/binary"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cloneFlags names the flags of clone(2) and unshare(2) that are used here, in
// the order in which strace prints them.
var cloneFlags = []flagName{
	{unix.CLONE_PIDFD, "CLONE_PIDFD"},
	{unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET"},
	{unix.CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND"},
	{unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP"},
}

// namespaces gives the flags of the clone (step 8).
func namespaces(c *config) uintptr {
	f := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if c.rootless.on {
		f |= unix.CLONE_NEWUSER // it owns the others: see rootless.go
	}
	if c.net == "none" {
		f |= unix.CLONE_NEWNET
	}
	if c.group.version() != 1 {
		// On cgroup v2 the clone puts the child into its group, and the namespace
		// made by the same call is rooted there. On v1 the child joins the groups
		// itself and then unshares: see join in cgroupfs.go.
		f |= unix.CLONE_NEWCGROUP
	}
	return f
}

// The tutorial's words (step 9), for a name that a person can say and remember.
var (
	adjectives = [16]string{"blue", "red", "green", "yellow", "big", "small", "tall", "thin",
		"round", "square", "triangular", "weird", "noisy", "silent", "soft", "irregular"}
	nouns = [8]string{"cat", "world", "coffee", "girl", "man", "book", "pinguin", "moon"}
)

// randomHostname is adjective-noun-number: 16 * 8 * 256 of them.
func randomHostname() string {
	var b [4]byte
	unix.Getrandom(b[:], 0) // a few bytes never fail: getrandom(2)
	n := binary.LittleEndian.Uint32(b[:])
	return adjectives[n%16] + "-" + nouns[n>>4%8] + "-" + strconv.Itoa(int(n>>8%256))
}

// beginning is what must come before everything else: the child dies with the
// launcher, and waits for nobody who is gone.
func beginning(c *config) []*step {
	return []*step{
		prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")).
			because("if the launcher dies, so does the container"),
		closeFD(fd(c.fds.parent, "PARENT")).
			because("the launcher's end of the socket pair: with it open here, the launcher's death would not read as end-of-file"),
		umask(0).because("the modes of what is made below are the modes it gets"),
	}
}

// hostname is step 9.
func hostname(c *config) []*step {
	return []*step{sethostname(c.hostname).because("its own UTS namespace: the host keeps its name")}
}

// sessionKeyring leaves the caller's session keyring. No namespace covers it: it "is
// inherited across clone(2)" and "preserved across execve(2)" (session-keyring(7)), and
// who has it can read the keys in it, whatever the user id. The default filter refuses
// keyctl; this is for --seccomp=none, and for profiles that allow it. ENOSYS is a kernel
// without keys, or a filter around tincan that the command will be under as well. It comes
// before the change of ids, so that the keyring counts as the caller's: root may have a
// million keys, anybody else 200 (keyrings(7), "maxkeys").
func sessionKeyring(*config) []*step {
	return []*step{call("keyctl", unix.SYS_KEYCTL, name(unix.KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING"), null()).or(unix.ENOSYS).
		because("a session keyring of its own: the caller's, with the keys in it, would be inherited").hinted(hintKeyring)}
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
func loopback(c *config) []*step {
	if c.net != "none" {
		return nil
	}
	open := call("socket", unix.SYS_SOCKET, name(unix.AF_INET, "AF_INET"),
		arg{n: unix.SOCK_DGRAM | unix.SOCK_CLOEXEC, s: "SOCK_DGRAM|SOCK_CLOEXEC", show: showText}, name(unix.IPPROTO_IP, "IPPROTO_IP"))
	open.keep = ^uintptr(0)
	req := new(ifreq)
	copy(req.name[:], "lo")
	req.flags = unix.IFF_UP | unix.IFF_RUNNING
	up := call("ioctl", unix.SYS_IOCTL, kept(), name(unix.SIOCSIFFLAGS, "SIOCSIFFLAGS"),
		mem(unsafe.Pointer(req), `{ifr_name="lo", ifr_flags=IFF_UP|IFF_RUNNING}`))
	return []*step{
		open.because("any socket of the new network namespace: interfaces are set up through one"),
		up.because("127.0.0.1 works, and nothing else is reachable").hinted(hintLoopback),
		closeFD(kept()),
	}
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

// userns is step 11: a user namespace of its own, the handshake in which the
// launcher writes the maps, and the ids.
func userns(c *config) []*step {
	byChild, byHost := []*step(nil), []*step{
		mapStep("uid_map", mapLines(c.maps), "the maps can only be written from the namespace above"),
		mapStep("gid_map", mapLines(c.gidMaps), "the same for groups"),
	}
	if c.rootless.on {
		byChild, byHost = innerMaps(c)
	}
	socket := fd(c.fds.child, "SOCKET")
	told := writeBytes(socket, "\x01").because("tells the launcher that the mounts and the namespace are there")
	told.heard = (*launch).verifyMounts
	steps := []*step{unshare(unix.CLONE_NEWUSER).because("from here on, root is root of this namespace only").hinted(hintUserns)}
	steps = append(append(append(steps, byChild...), told), byHost...)
	steps = append(steps, goStep(),
		readByte(socket).because("waits for the launcher; end-of-file, its death, is a failure"))
	if c.rootless.on && !c.rootless.who.maps && c.rootless.helpers[0] == "" {
		return steps // the kernel lets nobody leave a group who has a single id (user_namespaces(7), "setgroups")
	}
	return append(steps, setgroups().because("the caller's supplementary groups are not the container's"))
}

// ids come after the bounding set, whose drop needs a capability that a change of
// ids may take.
func ids(c *config) []*step {
	steps := []*step{setresgid(c.gid).because("the group inside")}
	if root, ok := hostID(c.maps, 0); ok && root == c.rootless.who.uid && c.uid != 0 {
		steps = append(steps, prctl(unix.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS", num(1)).
			because("whoever started tincan is root inside too, and would lose by the change what step 12 chooses from; execve clears it"))
	}
	return append(steps,
		setresuid(c.uid).because("the user inside"),
		prctl(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", name(int(unix.SIGKILL), "SIGKILL")).
			because("again: a change of ids clears it (prctl(2))"),
		writeBytes(fd(c.fds.child, "SOCKET"), "\x01").
			because("fails if the launcher died while the setting was cleared"),
		prctl(unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE", name(0, "SUID_DUMP_DISABLE")).
			because("until execve this is a copy of the launcher: nobody inside may read its memory through /proc or ptrace"),
	)
}

func mapStep(file, text, why string) *step {
	s := hostWrite("/proc/PID/"+file, text, func(l *launch) error {
		return writeFile("/proc/"+strconv.Itoa(l.pid)+"/"+file, text)
	})
	return s.because(why).hinted(hintMap)
}

// hintMap: user 0 of a namespace has its files, and a map of it asks for more than others.
func hintMap(e syscall.Errno) string {
	if e == unix.EPERM && unix.Geteuid() == 0 && !ownCaps().has(unix.CAP_SETFCAP) {
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

func goStep() *step {
	s := &step{call: "write", actor: host, args: [6]arg{fd(0, "PARENT"), cstring("\x01"), num(1)}, do: func(l *launch) error {
		_, err := unix.Write(l.parent, []byte{1})
		return err
	}}
	return s.because("go on")
}
