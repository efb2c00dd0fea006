// Chapter 11 without root: a user namespace first, and another one at the place
// where root has its only one.
//
// user_namespaces(7), newuidmap(1), setns(2), capabilities(7).
//
// What root may do by itself (mounts, a hostname, the loopback) an ordinary user may
// do only in namespaces that a user namespace of their own owns. So that one comes
// with the clone, and the first thing the child does is wait until it has its ids
// there: without a map no file can be made (EOVERFLOW), not even in a tmpfs. From
// there on the plan is root's, call by call, to its end, the second user namespace
// included: the first one, the outer, takes the place that the host's has otherwise.
//
// Why two. With one alone, root inside would own all that it lives in: with
// CAP_NET_ADMIN the firewall of its network and the kernel code behind it, with
// --cap-add=SYS_ADMIN the mounts that hide /proc/sys. One might drop these by
// default, forbid them to --cap-add, and have a second security model to explain and
// to test. With the inner namespace the table in caps.go means the same for everybody:
// what the outer one owns is out of reach for every capability that the inner gives.
// It costs one unshare, a pair of maps, and for ranges a process that writes these
// (newuidmap.go). Nothing else about the order differs; what root's plan does for its own
// reasons fits here too:
//
//   - /proc is mounted while the host's is still in the mount namespace, or the
//     kernel refuses ("mount_too_revealing"); it is the last mount all the same.
//   - Bind mounts are recursive: a copy of the host's mounts is locked together, and
//     the kernel lets nobody take a piece of it away from what lies below.
//   - Read-only is set by mount_setattr(2), which adds to the flags; nosuid, nodev,
//     noexec and atime of the source are locked, and stay.
//   - /dev consists of the host's nodes: mknod(2) is not for user namespaces.
//
// What differs is small, and stands where it happens: sizes and owners of a tmpfs and
// the group of /dev/pts are told in the mounter's ids, which are the container's here
// (mount.go, dev.go); /sys with --net=host (mount.go); the limits (cgroupdelegate.go).
//
// Differs from the tutorial: it is for root only.

package main

import (
	"errors"
	"fmt"
	"unsafe"
)

// rootless is what is different for a user who is not root.
type rootless struct {
	on       bool
	who      caller
	outerUID []idMap // of the outer user namespace: the container's maps, and the own id
	outerGID []idMap
	single   bool      // the own id is the only one
	helpers  [2]string // newuidmap, newgidmap; "" where the launcher may write any map
	lacks    *lack     // why there is a single id
}

// userIDs is setIDs for a user who is not root: given are the --maps, and auto is --map=auto.
func (c *config) userIDs(w *caller, given []idMap, auto bool) error {
	c.rootless = rootless{on: true, who: *w}
	r := &c.rootless
	self := [1]idMap{{outside: uint32(w.uid), count: 1}}
	if !w.around.have(self[:], nil) {
		return fault(func() error {
			return fmt.Errorf("user %d is nobody in the user namespace around tincan, where no id is mapped to it: map one there (unshare -r)", w.uid)
		})
	}
	var g grants
	if !w.maps && !isOwnID(given, w.uid) {
		var err error
		if g, err = grantsOf(w); err != nil {
			return err
		}
		r.helpers, r.lacks = g.helpers, g.lacks
	}
	switch {
	case given != nil:
		c.maps, c.gidMaps = given, groupMaps(given, w)
		if err := r.allowed(c.maps, c.gidMaps, &g); err != nil {
			return err
		}
	case auto && w.maps:
		if err := c.autoIDs(); err != nil {
			return err
		}
		c.gidMaps = c.maps
	case auto:
		space, err := grantedSpace(&g)
		if err != nil {
			return err
		}
		c.ids = space.pick()
		c.maps = c.ids.maps()
		c.gidMaps = c.maps
	case w.maps:
		c.maps = defaultMaps()
		c.gidMaps = c.maps
	case g.lacks != nil:
		c.maps = list(idMap{uint32(c.uid), uint32(w.uid), 1})
		c.gidMaps = list(idMap{uint32(c.gid), uint32(w.gid), 1})
	default:
		c.maps, c.gidMaps = wholeRange(w.uid, g.uids), wholeRange(w.gid, g.gids)
	}
	r.single = isOwnID(c.maps, w.uid)
	r.outerUID, r.outerGID = withOwn(c.maps, w.uid), withOwn(c.gidMaps, w.gid)
	for i, m := range [...][]idMap{r.outerUID, r.outerGID} {
		if err := sound(m); err != nil {
			return fault(func() error {
				return fmt.Errorf("%s: %w; to do without: --map=0:%d:1", r.mapFrom(given, i), err, w.uid)
			})
		}
	}
	if r.single {
		r.helpers = [2]string{}
	}
	return nil
}

// mapFrom says where the map of users (0) or groups (1) comes from.
func (r *rootless) mapFrom(given []idMap, i int) string {
	if given != nil {
		return "--map"
	}
	return fmt.Sprintf("%s/%s with the own id", hostEtc, []string{"subuid", "subgid"}[i])
}

// isOwnID reports whether the map has the own id and no other.
func isOwnID(maps []idMap, uid int) bool {
	return len(maps) == 1 && maps[0].count == 1 && int(maps[0].outside) == uid
}

// groupMaps are the maps of groups that belong to --maps: there the own user id stands for
// the own group id as well.
func groupMaps(maps []idMap, w *caller) []idMap {
	var out []idMap
	for _, m := range maps {
		if m.count == 1 && int(m.outside) == w.uid {
			m.outside = uint32(w.gid)
		}
		out = add(out, m)
	}
	return out
}

// allowed makes sure that each line of a --map is the own id, or granted.
func (r *rootless) allowed(uids, gids []idMap, g *grants) error {
	if r.who.maps {
		return nil
	}
	if err := r.allowedIn("subuid", uids, g.uids, r.who.uid); err != nil {
		return err
	}
	if err := r.allowedIn("subgid", gids, g.gids, r.who.gid); err != nil {
		return err
	}
	if g.lacks != nil && !isOwnID(uids, r.who.uid) {
		return fault(func() error { return errors.New("--map: " + g.lacks.String()) })
	}
	return nil
}

func (r *rootless) allowedIn(file string, maps, granted []idMap, own int) error {
	for _, m := range maps {
		switch {
		case m.count == 1 && int(m.outside) == own:
		case !covers(granted, m.outside, m.count):
			return fault(func() error {
				return fmt.Errorf("--map=%d:%d:%d: not root, and %s/%s does not grant these ids to user %d, who may have %d (the own id) and %s",
					m.inside, m.outside, m.count, hostEtc, file, r.who.uid, own, grantsText(granted))
			})
		}
	}
	return nil
}

// outerNamespace is what comes first of all: the ids, so that files can be made.
func outerNamespace(c *config, d *fds) []*step {
	r := &c.rootless
	if !r.on {
		return nil
	}
	var steps []*step
	switch {
	case r.helpers[0] != "":
		steps = helperSteps(&r.helpers, r.outerUID, r.outerGID)
	default:
		steps = list(mapStep("uid_map", mapLines(r.outerUID), "the own id, and nobody's permission is needed for it"))
		if !r.who.maps {
			steps = add(steps, mapStep("setgroups", "deny", "who may leave a group may get at what it is shut out from: so the kernel wants this before it takes a group map without privilege"))
		}
		steps = add(steps, mapStep("gid_map", mapLines(r.outerGID), "the same for groups"))
	}
	steps = add(steps, goStep())
	return add(steps, readByte(fd(d.child, "SOCKET")).because("waits for the maps: files cannot be made without (EOVERFLOW)"))
}

// innerMaps are the maps of the inner user namespace. They can only be written from within
// it or the outer one, where the launcher is not. For a single id the child does it itself;
// for more it takes power over the outer, which the child has left.
func innerMaps(c *config) (byChild, byHost []*step) {
	if c.rootless.single && !c.rootless.who.maps { // who may write any map has not denied setgroups(2)
		return addAll(ownMap("uid_map", c.uid), ownMap("gid_map", c.gid)), nil
	}
	return nil, list(
		hostStep(mapsInner, "write", shown("/proc/PID/uid_map", showQuoted), shown(mapLines(identity(c.maps)), showQuoted)).
			because("all ids of the outer user namespace, as they are there"),
		hostStep(mapsAlready, "write", shown("/proc/PID/gid_map", showQuoted), shown(mapLines(identity(c.gidMaps)), showQuoted)).
			because("the same for groups, written by the same process: only one in the outer namespace may"),
	)
}

// ownMap writes a map of one id, from itself to itself; the child's /proc is the
// container's own, by now.
func ownMap(file string, id int) []*step {
	line := [1]idMap{{uint32(id), uint32(id), 1}}
	return writeMap(text("/proc/self/", file), mapLines(line[:]))
}

// writeMap writes a map in a process of the outer or the inner user namespace.
func writeMap(file, lines string) []*step {
	return list(
		openForWriting(file).because("the inner user namespace has the one id that the outer has: its own process may write that"),
		writeBytes(kept(), lines),
		closeFD(kept()),
	)
}

// helperSteps run newuidmap and newgidmap: program PID INSIDE HOST COUNT... They run side
// by side; the launcher waits for both before its next step that is not one of them.
func helperSteps(programs *[2]string, uids, gids []idMap) []*step {
	return list(
		spawnStep(programs[0], "uid_map", uids).because("only a program with a set-id bit may map more than one's own id; it reads /etc/subuid, and runs beside the next"),
		spawnStep(programs[1], "gid_map", gids).because("likewise, with /etc/subgid; waits for both"),
	)
}

func spawnStep(program, file string, maps []idMap) *step {
	s := hostStep(spawns, "spawn", shown(program, showQuoted), memory(unsafe.Pointer(&cstrings(helperArgs(program, "PID", maps))[0]), showVector))
	s.file, s.mapFile, s.maps = program, file, maps
	return s
}

// helperArgs is the command line of newuidmap or newgidmap.
func helperArgs(program, pid string, maps []idMap) []string {
	argv := list(baseName(program), pid)
	for _, m := range maps {
		argv = add(argv, unsigned(uint64(m.inside)))
		argv = add(argv, unsigned(uint64(m.outside)))
		argv = add(argv, unsigned(uint64(m.count)))
	}
	return argv
}
