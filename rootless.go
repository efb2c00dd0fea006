// Chapter 11 without root: a user namespace of the user's own first, and another one at the
// place where root's plan has its only one.
//
// user_namespaces(7), newuidmap(1), setns(2), capabilities(7).
//
// An ordinary user may mount, set a hostname or bring up the loopback interface only in
// namespaces that are owned by a user namespace of their own. So the clone makes this user
// namespace too. The first thing the child does is wait until its ids are mapped there: without
// a map no file can be made (EOVERFLOW), not even in a tmpfs. From there on the plan is the same
// as root's, call by call, up to its end. It includes the second user namespace; the first one,
// the outer, is in the position that the host's user namespace has in root's plan.
//
// Why two user namespaces? With only one, root inside would own everything around it. With
// CAP_NET_ADMIN it could change the firewall of its network, and reach the kernel code behind
// that; with --cap-add=SYS_ADMIN it could unmount what hides /proc/sys. We could drop these
// capabilities by default and refuse them to --cap-add, but then there would be a second
// security model to explain and to test. With the inner namespace, the table in caps.go means
// the same for everybody: no capability of the inner namespace has power over what the outer one
// owns. The price is one unshare, a pair of maps, and for ranges of ids a process that writes
// these maps (newuidmap.go). Nothing else about the order differs. What root's plan does for
// other reasons is needed here too:
//
//   - /proc is mounted while the host's /proc is still in the mount namespace, or the
//     kernel refuses it ("mount_too_revealing"). It is still the last mount.
//   - Bind mounts are recursive. The kernel locks the copy of the host's mounts
//     together, and refuses to separate a mount from the mounts below it.
//   - Read-only is set by mount_setattr(2), which adds to the flags. The source's
//     nosuid, nodev, noexec and atime are locked, and stay.
//   - /dev consists of the host's nodes, because mknod(2) does not work in a user
//     namespace.
//
// Few things differ, and each is described where it happens: sizes and owners of a tmpfs and the
// group of /dev/pts are given as the ids of the mounting process, which are the container's here
// (mount.go, dev.go); /sys with --net=host (mount.go); the limits (cgroupdelegate.go).
//
// Differs from the tutorial: the tutorial's program works for root only.

package main

import (
	"errors"
	"fmt"
	"unsafe"
)

// rootless holds what is special about a run of a user who is not root.
type rootless struct {
	on       bool
	who      caller
	outerUID []idMap // of the outer user namespace: the container's maps and the user's own id
	outerGID []idMap
	single   bool      // the user's own id is the only one
	helpers  [2]string // newuidmap, newgidmap; "" if the launcher may write any map
	lacks    *lack     // why there is only a single id
}

// userIDs does what setIDs does, for a user who is not root. given are the --maps; auto is
// --map=auto.
func (c *config) userIDs(w *caller, given []idMap, auto bool) error {
	c.rootless = rootless{on: true, who: *w}
	r := &c.rootless
	self := [1]idMap{{outside: uint32(w.uid), count: 1}}
	if !w.around.have(self[:], nil) {
		return fault(func() error {
			return fmt.Errorf("user %d is not mapped in the user namespace around tincan, so it is nobody there: map it (unshare -r)", w.uid)
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
				return fmt.Errorf("%s: %w; to run without these ids: --map=0:%d:1", r.mapFrom(given, i), err, w.uid)
			})
		}
	}
	if r.single {
		r.helpers = [2]string{}
	}
	return nil
}

// mapFrom returns where the map of users (i = 0) or groups (i = 1) comes from.
func (r *rootless) mapFrom(given []idMap, i int) string {
	if given != nil {
		return "--map"
	}
	return fmt.Sprintf("%s/%s with the own id", hostEtc, []string{"subuid", "subgid"}[i])
}

// isOwnID reports whether the map consists of the user's own id.
func isOwnID(maps []idMap, uid int) bool {
	return len(maps) == 1 && maps[0].count == 1 && int(maps[0].outside) == uid
}

// groupMaps returns the maps of groups that belong to --maps. In them, the user's own user id
// stands for their own group id.
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

// allowed returns an error if a line of a --map is neither the user's own id nor granted to the
// user.
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
				return fmt.Errorf("--map=%d:%d:%d: %s/%s does not grant these ids to user %d, who is not root and may use only %d (their own id) and %s",
					m.inside, m.outside, m.count, hostEtc, file, r.who.uid, own, outsideText(granted))
			})
		}
	}
	return nil
}

// outerNamespace returns the steps that come first: they map the ids, so that files can be made.
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
		steps = list(mapStep("uid_map", mapLines(r.outerUID), "the user's own id; mapping it needs no permission"))
		if !r.who.maps {
			steps = add(steps, mapStep("setgroups", "deny", "a process that leaves a group could reach files that are closed to that group, so the kernel requires this before an unprivileged process may write a group map"))
		}
		steps = add(steps, mapStep("gid_map", mapLines(r.outerGID), "the same for group ids"))
	}
	steps = add(steps, goStep())
	return add(steps, readByte(fd(d.child, "SOCKET")).because("waits for the maps: without them no file can be made (EOVERFLOW)"))
}

// innerMaps returns the steps that write the maps of the inner user namespace. Only a process in
// the inner or the outer namespace may write them, and the launcher is in neither. For a single
// id the child writes them itself. For more ids it would need power over the outer namespace,
// which it has left.
func innerMaps(c *config) (byChild, byHost []*step) {
	if c.rootless.single && !c.rootless.who.maps { // a caller who may write any map has not denied setgroups(2)
		return addAll(ownMap("uid_map", c.uid), ownMap("gid_map", c.gid)), nil
	}
	return nil, list(
		hostStep(mapsInner, "write", shown("/proc/PID/uid_map", showQuoted), shown(mapLines(identity(c.maps)), showQuoted)).
			because("every id of the outer user namespace, mapped to itself"),
		hostStep(mapsAlready, "write", shown("/proc/PID/gid_map", showQuoted), shown(mapLines(identity(c.gidMaps)), showQuoted)).
			because("the same for group ids, written by the same process: it must be in the outer namespace"),
	)
}

// ownMap returns the steps that map one id to itself. The child's /proc is the container's own
// by now.
func ownMap(file string, id int) []*step {
	line := [1]idMap{{uint32(id), uint32(id), 1}}
	return writeMap(text("/proc/self/", file), mapLines(line[:]))
}

// writeMap returns the steps that write a map from a process of the outer or the inner user
// namespace.
func writeMap(file, lines string) []*step {
	return list(
		openForWriting(file).because("the only id of the outer user namespace is mapped, so the child may write this map itself"),
		writeBytes(kept(), lines),
		closeFD(kept()),
	)
}

// helperSteps returns the steps that run newuidmap and newgidmap: program PID INSIDE HOST
// COUNT... They run at the same time. The launcher waits for both before the next step of
// another kind.
func helperSteps(programs *[2]string, uids, gids []idMap) []*step {
	return list(
		spawnStep(programs[0], "uid_map", uids).because("only a privileged program may map more than the user's own id; it reads /etc/subuid, and runs at the same time as the next one"),
		spawnStep(programs[1], "gid_map", gids).because("the same for group ids, with /etc/subgid; the launcher then waits for both"),
	)
}

func spawnStep(program, file string, maps []idMap) *step {
	s := hostStep(spawns, "spawn", shown(program, showQuoted), memory(unsafe.Pointer(&cstrings(helperArgs(program, "PID", maps))[0]), showVector))
	s.file, s.mapFile, s.maps = program, file, maps
	return s
}

// helperArgs returns the command line of newuidmap or newgidmap.
func helperArgs(program, pid string, maps []idMap) []string {
	argv := list(baseName(program), pid)
	for _, m := range maps {
		argv = add(argv, unsigned(uint64(m.inside)))
		argv = add(argv, unsigned(uint64(m.outside)))
		argv = add(argv, unsigned(uint64(m.count)))
	}
	return argv
}
