// Chapter 11, without root: which ids of the host a user may have.
//
// subuid(5), subgid(5), newuidmap(1), user_namespaces(7) "Defining user and group ID mappings".
//
// Anybody may map one id, their own. More takes the administrator's word, which is
// a line USER:FIRST:COUNT in /etc/subuid and in /etc/subgid, and newuidmap and
// newgidmap, which have a set-id bit, read these lines and write the map: nothing of
// ours has or needs such a bit.
//
// Differs from the tutorial: it is for root only.

package main

import (
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/unix"
)

// hostEtc is another directory in tests.
var hostEtc = "/etc"

// caller is who started tincan.
type caller struct {
	uid, gid int
	root     bool    // with root's power over namespaces and mounts
	maps     bool    // may write any map of ids by itself
	devices  bool    // may make device nodes
	around   *userNS // the user namespace around tincan; nil if it is the machine's own
}

// userNS are the maps of a user namespace that tincan was started in.
type userNS struct{ uids, gids []idMap }

// asCaller replaces the caller in tests.
var asCaller *caller

// whoIs returns the caller. Root in a user namespace that lacks the ids of the default map,
// such as `unshare -r`, is root in name only.
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

// aroundTincan returns the user namespace that tincan itself is in, if it is not the
// machine's own.
func aroundTincan() *userNS {
	var st unix.Stat_t
	if sysStat("/proc/self/ns/user", &st) == 0 && st.Ino == firstUserns {
		return nil
	}
	return keep(userNS{mapsIn("/proc/self/uid_map"), mapsIn("/proc/self/gid_map")})
}

// mapsIn reads uid_map or gid_map of one's own user namespace.
func mapsIn(file string) []idMap {
	content, _ := readFile(file)
	return readMaps(content)
}

// readMaps reads the text of uid_map or gid_map.
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

// have reports whether the ids on the outer side of these maps exist in the user namespace.
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

// turned swaps a map's sides.
func turned(maps []idMap) []idMap {
	var out []idMap
	for _, m := range maps {
		out = add(out, idMap{m.outside, m.inside, m.count})
	}
	return out
}

// grants are the ranges of ids that a user may have beside their own.
type grants struct {
	uids, gids []idMap // inside is not set yet
	helpers    [2]string
	lacks      *lack // what is missing for ranges, or nil
}

// lack is what is missing for more ids than one's own.
type lack struct {
	file    string // that grants none
	program string // that is not there
	around  bool   // the ids are not in the user namespace that tincan is in
	uid     int
}

// String says it, and how to get it. Most runs never ask.
func (l *lack) String() string {
	switch {
	case l.program != "":
		return l.program + " is not installed, or not in PATH, and only it may write a map of more than one's own id: apt install uidmap (on Debian; elsewhere shadow-utils)"
	case l.around:
		return "the user namespace around tincan has no ids for it, as in another container or under unshare(1) or bwrap(1): start tincan outside of it, or map them there (unshare --map-auto)"
	}
	user, _ := passwdEntry(l.uid)
	who := user.name
	if who == "" {
		who = fmt.Sprint(l.uid)
	}
	return fmt.Sprintf("%s grants user %s no ids: as root, usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", l.file, who, who)
}

// grantsOf reads what the administrator has granted. A line of this user's that cannot be
// read is an error: a typing mistake shall not quietly give another map.
func grantsOf(w *caller) (grants, error) {
	var g grants
	var err error
	subuid, subgid := text(hostEtc, "/subuid"), text(hostEtc, "/subgid")
	if g.uids, err = readGrants(subuid, w.uid); err == nil {
		g.gids, err = readGrants(subgid, w.uid)
	}
	switch {
	case err != nil:
		return g, fault(func() error { return fmt.Errorf("%w; to do without: --map=0:%d:1", err, w.uid) })
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

// readGrants reads the lines of a user: NAME:FIRST:COUNT, or its number for NAME.
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
		c, valid2 := number(count) // no blanks, and no end of line of DOS: newuidmap takes none
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

// passwdLine is a user's line of /etc/passwd: passwd(5). All is "" for a user who has none, as
// in a container.
type passwdLine struct{ name, gid, home string }

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

// findProgram looks for a program of the host in PATH, or, without one, where it usually
// is.
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

// wholeRange maps the own id to 0 and what was granted to 1 and up, as podman does.
func wholeRange(own int, granted []idMap) []idMap {
	maps := list(idMap{0, uint32(own), 1})
	next := uint32(1)
	for _, g := range granted {
		maps = add(maps, idMap{next, g.outside, g.count})
		next += g.count
	}
	return maps
}

// grantsText lists ranges for a person.
func grantsText(granted []idMap) string {
	if len(granted) == 0 {
		return "no others"
	}
	var out []string
	for _, g := range granted {
		out = append(out, fmt.Sprintf("%d to %d", g.outside, uint64(g.outside)+uint64(g.count)-1))
	}
	return strings.Join(out, ", ")
}
