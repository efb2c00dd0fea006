// Chapter 11, without root: which ids of the host a user may use.
//
// subuid(5), subgid(5), newuidmap(1), user_namespaces(7) "Defining user and group ID mappings".
//
// Every user may map one id: their own. More ids need a grant by the administrator, which is a
// line USER:FIRST:COUNT in /etc/subuid and one in /etc/subgid. The programs newuidmap and
// newgidmap read these lines and write the map. They have a set-user-ID bit or file
// capabilities; tincan itself neither has nor needs such privileges.
//
// Differs from the tutorial: the tutorial's program works for root only.

package main

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// hostEtc is the host's /etc. Tests use another directory.
var hostEtc = "/etc"

// caller is the user who started tincan.
type caller struct {
	uid, gid int
	root     bool    // has root's power over namespaces and mounts
	maps     bool    // may write any map of ids without help
	devices  bool    // may make device nodes
	around   *userNS // the user namespace around tincan; nil if it is the machine's own
}

// userNS holds the maps of the user namespace in which tincan was started.
type userNS struct{ uids, gids []idMap }

// asCaller replaces the caller in tests.
var asCaller *caller

// whoIs returns the caller. Root in a user namespace that lacks the ids of the default map, as
// under `unshare -r`, is treated as an ordinary user.
func whoIs() caller {
	if asCaller != nil {
		return *asCaller
	}
	w := caller{uid: sysGeteuid(), gid: sysGetegid()}
	held := ownCaps()
	w.around = aroundTincan()
	w.maps = held.has(unix.CAP_SETUID) && held.has(unix.CAP_SETGID) && w.around.have(defaultMaps(), defaultMaps())
	w.root = w.uid == 0 && held.has(unix.CAP_SYS_ADMIN) && w.maps
	w.devices = w.root && w.around == nil && held.has(unix.CAP_MKNOD)
	return w
}

// firstUserns is the inode of the machine's own user namespace (PROC_USER_INIT_INO).
const firstUserns = 0xeffffffd

// aroundTincan returns the user namespace that tincan was started in, or nil if it is the
// machine's own.
func aroundTincan() *userNS {
	var st unix.Stat_t
	if sysStat("/proc/self/ns/user", &st) == 0 && st.Ino == firstUserns {
		return nil
	}
	return keep(userNS{mapsIn("/proc/self/uid_map"), mapsIn("/proc/self/gid_map")})
}

// mapsIn reads uid_map or gid_map of tincan's own user namespace.
func mapsIn(file string) []idMap {
	content, _ := readFile(file)
	return readMaps(content)
}

// readMaps parses the text of uid_map or gid_map.
func readMaps(content string) []idMap {
	var out []idMap
	for rest := content; rest != ""; {
		var line, a, b, c string
		line, rest = nextLine(rest)
		a, line = field(line)
		b, line = field(line)
		c, _ = field(line)
		inside, valid := number(a)
		outside, valid2 := number(b)
		count, valid3 := number(c)
		if valid && valid2 && valid3 {
			out = add(out, idMap{uint32(inside), uint32(outside), uint32(count)})
		}
	}
	return out
}

// have reports whether the user namespace contains all host ids of these maps.
func (o *userNS) have(uids, gids []idMap) bool {
	return o == nil || areThere(o.uids, uids) && areThere(o.gids, gids)
}

func areThere(here, maps []idMap) bool {
	here = turned(here)
	for _, m := range maps {
		if !covers(here, m.outside, m.count) {
			return false
		}
	}
	return true
}

// turned returns the map in the other direction.
func turned(maps []idMap) []idMap {
	var out []idMap
	for _, m := range maps {
		out = add(out, idMap{m.outside, m.inside, m.count})
	}
	return out
}

// grants are the ranges of ids that a user may use besides their own.
type grants struct {
	uids, gids []idMap // their field inside is not set yet
	helpers    [2]string
	lacks      *lack // what is missing for using ranges, or nil
}

// lack says what is missing for using more ids than the user's own. One field is set.
type lack struct {
	file    string // this file does not grant any ids
	program string // this program is not installed
	around  bool   // the user namespace around tincan does not contain the ids
	uid     int
}

// String explains what is missing and how to get it. Most runs never call it.
func (l *lack) String() string {
	switch {
	case l.program != "":
		return l.program + " is not installed, or not in PATH; only this program may write a map of more than the user's own id: apt install uidmap (on Debian; other systems call the package shadow-utils)"
	case l.around:
		return "the user namespace around tincan does not contain these ids (tincan runs in another container, or under unshare(1) or bwrap(1)): start tincan outside of it, or map the ids there (unshare --map-auto)"
	}
	user, _ := passwdEntry(l.uid)
	who := user.name
	if who == "" {
		who = fmt.Sprint(l.uid)
	}
	return fmt.Sprintf("%s does not grant any ids to user %s: as root, usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", l.file, who, who)
}

// grantsOf reads what the administrator has granted to the user. A line for this user that
// cannot be read is an error, so that a typing mistake does not silently change the map.
func grantsOf(w *caller) (grants, error) {
	var g grants
	var err error
	subuid, subgid := text(hostEtc, "/subuid"), text(hostEtc, "/subgid")
	if g.uids, err = readGrants(subuid, w.uid); err == nil {
		g.gids, err = readGrants(subgid, w.uid)
	}
	switch {
	case err != nil:
		return g, fault(func() error { return fmt.Errorf("%w; to run without these ids: --map=0:%d:1", err, w.uid) })
	case len(g.gids) == 0:
		g.lacks = keep(lack{file: subgid, uid: w.uid})
	case len(g.uids) == 0:
		g.lacks = keep(lack{file: subuid, uid: w.uid})
	}
	switch {
	case !w.around.have(g.uids, g.gids) || g.lacks != nil && w.around != nil:
		g.lacks = keep(lack{around: true})
		return g, nil
	case g.lacks != nil:
		return g, nil
	}
	for i, program := range [...]string{"newuidmap", "newgidmap"} {
		if g.helpers[i] = findProgram(program); g.helpers[i] == "" {
			g.lacks = keep(lack{program: program})
			return g, nil
		}
	}
	return g, nil
}

// readGrants reads the lines NAME:FIRST:COUNT of a user, who can be named by number too.
func readGrants(file string, uid int) ([]idMap, error) {
	content, e := readFile(file)
	if e == unix.ENOENT || e == 0 && content == "" {
		return nil, nil
	}
	if e != 0 {
		return nil, failedCall("open", file, "O_RDONLY", e)
	}
	user, err := passwdEntry(uid)
	if err != nil {
		return nil, err
	}
	var out []idMap
	own, n := decimal(uid), 0
	for rest := content; rest != ""; {
		var line string
		line, rest = nextLine(rest)
		n++
		who, value, _ := cut(line, ":")
		if who == "" || who != user.name && who != own {
			continue
		}
		first, count, two := cut(value, ":")
		f, valid := number(first)
		c, valid2 := number(count) // newuidmap accepts neither blanks nor the line ends of DOS
		if !two || !valid || !valid2 || f > math.MaxUint32 || c > math.MaxUint32 || f+c > math.MaxUint32 {
			return nil, fault(func() error {
				return fmt.Errorf("%s, line %d: %q is not USER:FIRST:COUNT, for instance %s:100000:65536", file, n, line, who)
			})
		}
		if c > 0 {
			out = add(out, idMap{outside: uint32(f), count: uint32(c)})
		}
	}
	return out, nil
}

// passwdLine is a user's line of /etc/passwd: passwd(5). All fields are "" if the user has no
// line, as is usual in a container.
type passwdLine struct{ name, gid, home string }

// passwdEntry returns a user's line of the host's /etc/passwd. It is empty if there is none.
func passwdEntry(uid int) (passwdLine, error) {
	file := text(hostEtc, "/passwd")
	content, e := readFile(file)
	if e == unix.ENOENT {
		return passwdLine{}, nil
	}
	if e != 0 {
		return passwdLine{}, failedCall("open", file, "O_RDONLY", e)
	}
	own := decimal(uid)
	for rest := content; rest != ""; {
		var line string
		line, rest = nextLine(rest)
		// NAME:PASSWORD:UID:GID:COMMENT:HOME:SHELL
		name, more, _ := cut(line, ":")
		_, more, _ = cut(more, ":")
		id, more, _ := cut(more, ":")
		if id != own {
			continue
		}
		gid, more, _ := cut(more, ":")
		_, more, _ = cut(more, ":")
		if home, _, is := cut(more, ":"); is {
			return passwdLine{name, gid, home}, nil
		}
	}
	return passwdLine{}, nil
}

// findProgram looks for a program of the host in PATH. If PATH is not set, it looks in the usual
// directories.
func findProgram(name string) string {
	search, _ := getenv("PATH")
	if search == "" {
		search = "/usr/bin:/bin"
	}
	for more := true; more; {
		var dir string
		dir, search, more = cut(search, ":")
		var st unix.Stat_t
		if !hasPrefix(dir, "/") {
			continue
		}
		if p := text(withoutEnd(dir, "/"), "/", name); sysStat(p, &st) == 0 && st.Mode&unix.S_IFMT == unix.S_IFREG && sysFaccessat(unix.AT_FDCWD, p, unix.X_OK) == 0 {
			return p
		}
	}
	return ""
}

// wholeRange maps the user's own id to 0 and the granted ids to 1 and up, as podman does.
func wholeRange(own int, granted []idMap) []idMap {
	maps := list(idMap{0, uint32(own), 1})
	next := uint32(1)
	for _, g := range granted {
		maps = add(maps, idMap{next, g.outside, g.count})
		next += g.count
	}
	return maps
}
