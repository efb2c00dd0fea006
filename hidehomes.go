// Chapter 10 without root: what of the user's own the host's tree does not show.
//
// passwd(5), environ(7), proc_pid_mountinfo(5).
//
// Without -m the host's tree is the container's root. Root's container is a stranger to
// the files in it; an ordinary user's is the user, and could read ~/.ssh. Most homes are
// below /home, which everybody's container has empty; this file finds the others, and the
// places where a home is to be seen a second time: with /home bound from /data/home, what
// is below /data/home is the same.
//
// Differs from the tutorial: it has no container on the host's tree.

package main

import (
	"golang.org/x/sys/unix"
)

// neededDirs are never taken for a home that is not the user's: a command needs them, and
// system users have such homes (daemon /usr/sbin, sys /dev, a container's user /).
var neededDirs = [...]string{"/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc", "/dev", "/proc", "/sys"}

// homes lists the directories to hide, by their real names.
func (r *rootless) homes() ([]hostDir, error) {
	if !r.on {
		return nil, nil
	}
	user, err := passwdEntry(r.who.uid)
	if err != nil {
		return nil, err
	}
	mounts, err := ownMounts()
	if err != nil {
		return nil, err
	}
	home, _ := getenv("HOME")
	run, _ := getenv("XDG_RUNTIME_DIR") // it has the sockets of the user's programs
	out := list(hostDir{"/var/mail", "0755", "other people's mail, and the user's own, is out of reach"})
	for _, d := range [...]string{home, run, user.home} {
		if !hasPrefix(d, "/") {
			continue
		}
		real, e := realPath(d)
		var st unix.Stat_t
		if e != 0 || sysStat(real, &st) != 0 || !isHome(real, int(st.Uid) == r.who.uid) {
			continue // there is none, or the user cannot get there
		}
		out = add(out, hostDir{real, "0755", "the user's own files are out of reach"})
		for _, other := range elsewhere(real, mounts) {
			var same unix.Stat_t
			if sysStat(other, &same) == 0 && same.Dev == st.Dev && same.Ino == st.Ino {
				out = add(out, hostDir{other, "0755", text("the same directory as ", real)})
			}
		}
	}
	return out, nil
}

// isHome reports whether a directory can be hidden as a home. It need not be the user's:
// that of somebody with sftp access alone is root's, with files of the user's in it.
func isHome(dir string, own bool) bool {
	if own || dir == "/" || dir == "/var" {
		return own && dir != "/"
	}
	for _, needed := range neededDirs {
		if _, is := below(dir, needed); is {
			return false
		}
	}
	return true
}

// elsewhere lists the other names that dir has on this machine, if the mounts lie open:
// every mount of the same file system whose root is dir or above it.
func elsewhere(dir string, mounts []mountLine) []string {
	var in *mountLine // the mount that dir is in: the last one that is not covered
	for i := range mounts {
		if m := &mounts[i]; in == nil || len(m.point) >= len(in.point) {
			if _, is := below(dir, m.point); is {
				in = m
			}
		}
	}
	if in == nil {
		return nil
	}
	rest, _ := below(dir, in.point)
	inside := cleanPath(text(in.root, "/", rest)) // what dir is called in the file system
	var out []string
	for i := range mounts {
		m := &mounts[i]
		if m.device != in.device {
			continue
		}
		rest, is := below(inside, m.root)
		if name := cleanPath(text(m.point, "/", rest)); is && name != dir && !has(out, name) {
			out = add(out, name)
		}
	}
	return out
}
