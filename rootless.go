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
	"strings"

	"golang.org/x/sys/unix"
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

// userIDs is setIDs for a user who is not root: given are the --maps.
func (c *config) userIDs(w caller, given []idMap) error {
	c.rootless = rootless{on: true, who: w}
	r := &c.rootless
	if !w.around.have([]idMap{{outside: uint32(w.uid), count: 1}}, nil) {
		return fmt.Errorf("user %d is nobody in the user namespace around tincan, where no id is mapped to it: map one there (unshare -r)", w.uid)
	}
	own := []idMap{{uint32(c.uid), uint32(w.uid), 1}}
	ownGroup := []idMap{{uint32(c.gid), uint32(w.gid), 1}}
	var g grants
	var err error
	if !w.maps && !isOwnID(given, w) {
		if g, err = grantsOf(w); err != nil {
			return err
		}
		r.helpers, r.lacks = g.helpers, g.lacks
	}
	switch {
	case given != nil:
		c.maps, c.gidMaps = given, groupMaps(given, w)
		if err := r.allowed(c.maps, c.gidMaps, g); err != nil {
			return err
		}
	case w.maps:
		c.maps = defaultMaps
		c.gidMaps = c.maps
	case g.lacks != nil:
		c.maps, c.gidMaps = own, ownGroup
	default:
		c.maps, c.gidMaps = wholeRange(w.uid, g.uids), wholeRange(w.gid, g.gids)
	}
	r.single = isOwnID(c.maps, w)
	r.outerUID, r.outerGID = withOwn(c.maps, w.uid), withOwn(c.gidMaps, w.gid)
	for i, m := range [][]idMap{r.outerUID, r.outerGID} {
		if err := sound(m); err != nil {
			return fmt.Errorf("%s: %w; to do without: --map=0:%d:1", r.mapFrom(given, i), err, w.uid)
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

// isOwnID: the map has the own id and no other.
func isOwnID(maps []idMap, w caller) bool {
	return len(maps) == 1 && maps[0].count == 1 && int(maps[0].outside) == w.uid
}

// groupMaps: the own user id of a --map stands for the own group id as well.
func groupMaps(maps []idMap, w caller) []idMap {
	var out []idMap
	for _, m := range maps {
		if m.count == 1 && int(m.outside) == w.uid {
			m.outside = uint32(w.gid)
		}
		out = append(out, m)
	}
	return out
}

// allowed: each line of a --map must be the own id, or granted.
func (r *rootless) allowed(uids, gids []idMap, g grants) error {
	if r.who.maps {
		return nil
	}
	for _, f := range []struct {
		maps, granted []idMap
		own           int
		file          string
	}{{uids, g.uids, r.who.uid, "subuid"}, {gids, g.gids, r.who.gid, "subgid"}} {
		for _, m := range f.maps {
			switch {
			case m.count == 1 && int(m.outside) == f.own:
			case !covers(f.granted, m.outside, m.count):
				return fmt.Errorf("--map=%d:%d:%d: not root, and %s/%s does not grant these ids to user %d, who may have %d (the own id) and %s",
					m.inside, m.outside, m.count, hostEtc, f.file, r.who.uid, f.own, grantsText(f.granted))
			}
		}
	}
	if g.lacks != nil && !isOwnID(uids, r.who) {
		return errors.New("--map: " + g.lacks.String())
	}
	return nil
}

// outerNamespace is what comes first of all: the ids, so that files can be made.
func outerNamespace(c *config) []*step {
	r := &c.rootless
	if !r.on {
		return nil
	}
	var steps []*step
	switch {
	case r.helpers[0] != "":
		steps = helperSteps(r.helpers, r.outerUID, r.outerGID)
	default:
		steps = []*step{mapStep("uid_map", mapLines(r.outerUID), "the own id, and nobody's permission is needed for it")}
		if !r.who.maps {
			steps = append(steps, mapStep("setgroups", "deny", "who may leave a group may get at what it is shut out from: so the kernel wants this before it takes a group map without privilege"))
		}
		steps = append(steps, mapStep("gid_map", mapLines(r.outerGID), "the same for groups"))
	}
	return append(steps, goStep(),
		readByte(fd(c.fds.child, "SOCKET")).because("waits for the maps: files cannot be made without (EOVERFLOW)"))
}

// innerMaps are the maps of the inner user namespace. They can only be written from
// within it or the outer one, where the launcher is not. For a single id the child
// does it itself; for more it takes power over the outer, which the child has left.
func innerMaps(c *config) (byChild, byHost []*step) {
	if c.rootless.single && !c.rootless.who.maps { // who may write any map has not denied setgroups(2)
		for _, f := range []struct {
			file string
			id   int
		}{{"uid_map", c.uid}, {"gid_map", c.gid}} {
			byChild = append(byChild, ownMap("/proc/self/"+f.file, mapLines([]idMap{{uint32(f.id), uint32(f.id), 1}}))...)
		}
		return byChild, nil
	}
	byHost = []*step{
		hostWrite("/proc/PID/uid_map", mapLines(identity(c.maps)), (*launch).writeInnerMaps).because("all ids of the outer user namespace, as they are there"),
		hostWrite("/proc/PID/gid_map", mapLines(identity(c.gidMaps)), func(*launch) error { return nil }).because("the same for groups, written by the same process: only one in the outer namespace may"),
	}
	return nil, byHost
}

// ownMap writes a map; the child's /proc is the container's own, by now.
func ownMap(file, text string) []*step {
	open := call("openat", unix.SYS_OPENAT, atCwd(), cstring(file), name(unix.O_WRONLY|unix.O_CLOEXEC, "O_WRONLY|O_CLOEXEC"))
	open.keep = ^uintptr(0)
	return []*step{
		open.because("the inner user namespace has the one id that the outer has: its own process may write that"),
		writeBytes(kept(), text),
		closeFD(kept()),
	}
}

// helperSteps run newuidmap and newgidmap: program PID INSIDE HOST COUNT... The second
// waits for both.
func helperSteps(programs [2]string, uids, gids []idMap) []*step {
	spawn := func(program, file string, maps []idMap, wait bool) *step {
		argv := []string{program[strings.LastIndexByte(program, '/')+1:], "PID"}
		for _, m := range maps {
			argv = append(argv, strings.Fields(m.String())...)
		}
		return hostStep("spawn", func(l *launch) error {
			argv := append([]string{argv[0], fmt.Sprint(l.pid)}, argv[2:]...)
			h, err := startHelper(program, argv, file, maps)
			if err == nil {
				l.helpers = append(l.helpers, h)
			}
			if err != nil || wait || l.stepper != nil {
				err = errors.Join(err, l.endHelpers())
			}
			return err
		}, quote(program), vectorText(argv))
	}
	return []*step{
		spawn(programs[0], "uid_map", uids, false).because("only a program with a set-id bit may map more than one's own id; it reads /etc/subuid, and runs beside the next"),
		spawn(programs[1], "gid_map", gids, true).because("likewise, with /etc/subgid; waits for both"),
	}
}
