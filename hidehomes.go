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
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// neededDirs are never taken for a home that is not the user's: a command needs them, and
// system users have such homes (daemon /usr/sbin, sys /dev, a container's user /).
var neededDirs = []string{"/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc", "/dev", "/proc", "/sys"}

// homes lists the directories to hide, by their real names.
func (r *rootless) homes() ([]hostDir, error) {
	if !r.on {
		return nil, nil
	}
	dirs := []string{os.Getenv("HOME"), os.Getenv("XDG_RUNTIME_DIR")} // the latter has the sockets of the user's programs
	f, err := passwdEntry(r.who.uid)
	if err != nil {
		return nil, err
	}
	if f != nil {
		dirs = append(dirs, f[5])
	}
	mounts, err := readFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	out := []hostDir{{"/var/mail", "0755", "other people's mail, and the user's own, is out of reach"}}
	for _, d := range dirs {
		real, err := filepath.EvalSymlinks(d)
		var st unix.Stat_t
		if err != nil || !filepath.IsAbs(d) || unix.Stat(real, &st) != nil || !isHome(real, int(st.Uid) == r.who.uid) {
			continue // there is none, or the user cannot get there
		}
		out = append(out, hostDir{real, "0755", "the user's own files are out of reach"})
		for _, other := range elsewhere(real, mounts) {
			var same unix.Stat_t
			if unix.Stat(other, &same) == nil && same.Dev == st.Dev && same.Ino == st.Ino {
				out = append(out, hostDir{other, "0755", "the same directory as " + real})
			}
		}
	}
	return out, nil
}

// isHome tells whether a directory can be hidden as a home. It need not be the user's: that
// of somebody with sftp access alone is root's, with files of the user's in it.
func isHome(dir string, own bool) bool {
	if own {
		return dir != "/"
	}
	return dir != "/" && dir != "/var" && !slices.ContainsFunc(neededDirs, func(needed string) bool {
		_, ok := below(dir, needed)
		return ok
	})
}

// elsewhere gives the other names that dir has on this machine, if the mounts lie open:
// every mount of the same file system whose root is dir or above it.
func elsewhere(dir, mountinfo string) []string {
	type shown struct{ dev, root, point string }
	var all []shown
	var in shown // the mount that dir is in
	for line := range strings.SplitSeq(mountinfo, "\n") {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		m := shown{f[2], unescapeMount(f[3]), unescapeMount(f[4])}
		all = append(all, m)
		if _, ok := below(dir, m.point); ok && len(m.point) >= len(in.point) {
			in = m
		}
	}
	rest, _ := below(dir, in.point)
	inside := filepath.Join(in.root, rest) // what dir is called in the file system
	var out []string
	for _, m := range all {
		rest, ok := below(inside, m.root)
		if name := filepath.Join(m.point, rest); ok && m.dev == in.dev && name != dir && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
