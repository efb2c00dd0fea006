// Chapter 10 without root: which of the user's own directories are hidden in the host's tree.
//
// passwd(5), environ(7), proc_pid_mountinfo(5).
//
// Without -m the host's tree is the container's root. A container that root starts runs as a
// user who owns none of the files in it. A container that an ordinary user starts runs as that
// user, and could read ~/.ssh. Most home directories are below /home, which is empty in every
// container. This file finds the others. It also finds places where a home directory appears a
// second time: if /home is a bind mount of /data/home, the same files are below /data/home.
//
// Differs from the tutorial: the tutorial has no container on the host's tree.

package main

import (
	"golang.org/x/sys/unix"
)

// neededDirs are never hidden as another user's home: a command needs them, and some system
// users have such homes (daemon /usr/sbin, sys /dev, a container's user /).
var neededDirs = [...]string{"/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc", "/dev", "/proc", "/sys"}

// homes returns the directories to hide, by their real names.
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
	run, _ := getenv("XDG_RUNTIME_DIR") // contains the sockets of the user's programs
	out := list(hostDir{"/var/mail", "0755", "hides other users' mail and the user's own"})
	for _, d := range [...]string{home, run, user.home} {
		if !hasPrefix(d, "/") {
			continue
		}
		real, e := realPath(d)
		var st unix.Stat_t
		if e != 0 || sysStat(real, &st) != 0 || !isHome(real, int(st.Uid) == r.who.uid) {
			continue // it does not exist, or the user cannot reach it
		}
		out = add(out, hostDir{real, "0755", "hides the user's own files"})
		for _, other := range elsewhere(real, mounts) {
			var same unix.Stat_t
			if sysStat(other, &same) == 0 && same.Dev == st.Dev && same.Ino == st.Ino {
				out = add(out, hostDir{other, "0755", text("the same directory as ", real)})
			}
		}
	}
	return out, nil
}

// isHome reports whether a directory can be hidden as a home. It need not belong to the user:
// the home of a user with only sftp access belongs to root, and contains the user's files.
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

// elsewhere returns the other names that dir has on this machine: one for each mount of the same
// file system whose root is dir or above it, if no other mount covers that.
func elsewhere(dir string, mounts []mountLine) []string {
	var in *mountLine // the mount that contains dir: the last one that is not covered
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
	inside := cleanPath(text(in.root, "/", rest)) // the path of dir within its file system
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
