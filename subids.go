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
	"os"
	"path/filepath"
	"strconv"
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
	around   *userNS // the user namespace around tincan; nil if it is the machine's own
}

// userNS are the maps of a user namespace that tincan was started in.
type userNS struct{ uids, gids []idMap }

// whoIs looks; tests say something else. Root in a user namespace that lacks the ids
// of the default map, such as `unshare -r`, is root in name only.
var whoIs = func() caller {
	w := caller{uid: unix.Geteuid(), gid: unix.Getegid()}
	held := ownCaps()
	w.around = aroundTincan()
	w.maps = held.has(unix.CAP_SETUID) && held.has(unix.CAP_SETGID) && w.around.have(defaultMaps, defaultMaps)
	w.root = w.uid == 0 && held.has(unix.CAP_SYS_ADMIN) && w.maps
	return w
}

// firstUserns is the inode of the machine's own user namespace (PROC_USER_INIT_INO).
const firstUserns = 0xeffffffd

// aroundTincan looks at the user namespace that tincan itself is in.
func aroundTincan() *userNS {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/user", &st) == nil && st.Ino == firstUserns {
		return nil
	}
	return &userNS{mapsIn("/proc/self/uid_map"), mapsIn("/proc/self/gid_map")}
}

// mapsIn reads uid_map or gid_map of one's own user namespace.
func mapsIn(file string) []idMap {
	text, _ := readFile(file)
	var out []idMap
	for line := range strings.SplitSeq(text, "\n") {
		var m idMap
		if n, _ := fmt.Sscan(line, &m.inside, &m.outside, &m.count); n == 3 {
			out = append(out, m)
		}
	}
	return out
}

// have tells whether the ids on the outer side of these maps exist in the user namespace.
func (o *userNS) have(uids, gids []idMap) bool {
	if o == nil {
		return true
	}
	for _, f := range []struct{ here, maps []idMap }{{o.uids, uids}, {o.gids, gids}} {
		here := turned(f.here)
		for _, m := range f.maps {
			if !covers(here, m.outside, m.count) {
				return false
			}
		}
	}
	return true
}

// turned swaps a map's sides.
func turned(maps []idMap) []idMap {
	var out []idMap
	for _, m := range maps {
		out = append(out, idMap{m.outside, m.inside, m.count})
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
	who, _ := userName(l.uid)
	if who == "" {
		who = strconv.Itoa(l.uid)
	}
	return fmt.Sprintf("%s grants user %s no ids: as root, usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", l.file, who, who)
}

// grantsOf reads what the administrator has granted. A line of this user's that
// cannot be read is an error: a typing mistake shall not quietly give another map.
func grantsOf(w caller) (grants, error) {
	var g grants
	for _, f := range []struct {
		file string
		to   *[]idMap
	}{{hostEtc + "/subuid", &g.uids}, {hostEtc + "/subgid", &g.gids}} {
		var err error
		if *f.to, err = readGrants(f.file, w.uid); err != nil {
			return g, fmt.Errorf("%w; to do without: --map=0:%d:1", err, w.uid)
		}
		if len(*f.to) == 0 {
			g.lacks = &lack{file: f.file, uid: w.uid}
		}
	}
	switch {
	case !w.around.have(g.uids, g.gids) || g.lacks != nil && w.around != nil:
		g.lacks = &lack{around: true}
		return g, nil
	case g.lacks != nil:
		return g, nil
	}
	for i, program := range []string{"newuidmap", "newgidmap"} {
		if g.helpers[i] = findProgram(program); g.helpers[i] == "" {
			g.lacks = &lack{program: program}
			return g, nil
		}
	}
	return g, nil
}

// readGrants reads the lines of a user: NAME:FIRST:COUNT, or its number for NAME.
func readGrants(file string, uid int) ([]idMap, error) {
	text, err := readFile(file)
	if errnoOf(err) == unix.ENOENT || err == nil && text == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	name, err := userName(uid)
	if err != nil {
		return nil, err
	}
	var out []idMap
	number, n := strconv.Itoa(uid), 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		who, rest, _ := strings.Cut(line, ":")
		if who == "" || who != name && who != number {
			continue
		}
		first, count, ok := strings.Cut(rest, ":")
		f, err1 := strconv.ParseUint(first, 10, 32)
		c, err2 := strconv.ParseUint(count, 10, 32) // no blanks, and no end of line of DOS: newuidmap takes none
		if !ok || err1 != nil || err2 != nil || f+c > math.MaxUint32 {
			return nil, fmt.Errorf("%s, line %d: %q is not USER:FIRST:COUNT, for instance %s:100000:65536", file, n, line, who)
		}
		if c > 0 {
			out = append(out, idMap{outside: uint32(f), count: uint32(c)})
		}
	}
	return out, nil
}

// userName finds the user's name; "" if there is none, as in a container.
func userName(uid int) (string, error) {
	fields, err := passwdEntry(uid)
	if len(fields) == 0 {
		return "", err
	}
	return fields[0], err
}

// passwdEntry is the user's line of /etc/passwd: passwd(5).
func passwdEntry(uid int) ([]string, error) {
	text, err := readFile(hostEtc + "/passwd")
	if errnoOf(err) == unix.ENOENT {
		return nil, nil
	}
	number := ":" + strconv.Itoa(uid) + ":"
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.Contains(line, number) {
			continue
		}
		if f := strings.Split(line, ":"); len(f) > 6 && f[2] == number[1:len(number)-1] {
			return f, nil
		}
	}
	return nil, err
}

// findProgram looks for a program of the host in PATH, or, without one, where it usually is.
func findProgram(name string) string {
	search := os.Getenv("PATH")
	if search == "" {
		search = "/usr/bin:/bin"
	}
	for dir := range strings.SplitSeq(search, ":") {
		p := filepath.Join(dir, name)
		var st unix.Stat_t
		if filepath.IsAbs(p) && unix.Stat(p, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && unix.Access(p, unix.X_OK) == nil {
			return p
		}
	}
	return ""
}

// wholeRange maps the own id to 0 and what was granted to 1 and up, as podman does.
func wholeRange(own int, granted []idMap) []idMap {
	maps := []idMap{{0, uint32(own), 1}}
	next := uint32(1)
	for _, g := range granted {
		maps = append(maps, idMap{next, g.outside, g.count})
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
