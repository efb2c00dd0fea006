// Chapter 10 with --net=host: the names of the network.
//
// resolv.conf(5), symlink(7).
//
// On most hosts /etc/resolv.conf is a symlink into /run, which is empty in a container on the
// host's tree. The file that the link leads to is added, read-only, at the first name on the way
// that the container does not see, so that names can be looked up.
//
// Differs from the tutorial: the tutorial has no container on the host's network.

package main

import "golang.org/x/sys/unix"

// addResolver adds the file, unless the user has added something there. It reports whether it
// has added the file.
func (c *config) addResolver(private []privateDir) bool {
	const file = "/etc/resolv.conf"
	target := hiddenLink(file, private)
	source, e := realPath(file)
	var st unix.Stat_t
	if target == "" || e != 0 || sysStat(source, &st) != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	for i := range c.adds {
		if _, is := below(target, c.adds[i].target); is {
			return false
		}
	}
	c.adds = byDepth(add(c.adds, addedPath{mountPoint: mountPoint{target: target}, text: "--net=host: the name servers of the host's network", source: source, readOnly: true}))
	return true
}

// hiddenLink follows a file's symlinks, and returns the first name that is in a private
// directory, or "" if there is none.
func hiddenLink(file string, private []privateDir) string {
	for range mostLinks {
		dir, e := realPath(parentDir(file))
		if e != 0 {
			return ""
		}
		file = text(withoutEnd(dir, "/"), "/", baseName(file))
		if beneath(private, file) {
			return file
		}
		link, e := sysReadlink(file)
		switch {
		case e != 0:
			return ""
		case hasPrefix(link, "/"):
			file = link
		default:
			file = text(withoutEnd(dir, "/"), "/", link)
		}
	}
	return ""
}
