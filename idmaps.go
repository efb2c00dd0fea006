// Chapter 11, continued: maps of ids.
//
// user_namespaces(7) "User and group ID mappings: uid_map and gid_map".
//
// Differs from the tutorial: the map is not fixed; user and group may differ; an id that is not
// in the map is an error before anything starts.

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
)

// idMap is one line of uid_map and gid_map. It maps count ids of the namespace, beginning with
// inside, to the ids beginning with outside.
type idMap struct{ inside, outside, count uint32 }

// text returns the map as /proc/PID/uid_map takes it.
func (m idMap) text() string {
	return text(unsigned(uint64(m.inside)), " ", unsigned(uint64(m.outside)), " ", unsigned(uint64(m.count)))
}

// hostID returns the host's id for an id inside. mapped is false if the maps do not contain it.
func hostID(maps []idMap, id int) (host int, mapped bool) {
	for _, m := range maps {
		if id >= int(m.inside) && id-int(m.inside) < int(m.count) {
			return int(m.outside) + id - int(m.inside), true
		}
	}
	return 0, false
}

// insideID returns the id inside for an id of the host. mapped is false if the maps do not contain
// it.
func insideID(maps []idMap, id uint32) (inside uint32, mapped bool) {
	for _, m := range maps {
		if id >= m.outside && id-m.outside < m.count {
			return m.inside + id - m.outside, true
		}
	}
	return 0, false
}

// mapLines returns the text of uid_map or gid_map.
func mapLines(maps []idMap) string {
	lines := ""
	for _, m := range maps {
		lines = text(lines, m.text(), "\n")
	}
	return lines
}

// overlap reports whether two ranges have an id in common.
func overlap(a, na, b, nb uint32) bool {
	return uint64(a) < uint64(b)+uint64(nb) && uint64(b) < uint64(a)+uint64(na)
}

// insideText returns the ids that maps have inside, for messages.
func insideText(maps []idMap) string {
	return rangesText(maps, func(m idMap) uint32 { return m.inside })
}

// outsideText returns the ids that maps have outside, for messages.
func outsideText(maps []idMap) string {
	return rangesText(maps, func(m idMap) uint32 { return m.outside })
}

func rangesText(maps []idMap, first func(idMap) uint32) string {
	if len(maps) == 0 {
		return "no others"
	}
	var out []string
	for _, m := range maps {
		if m.count == 1 {
			out = append(out, fmt.Sprint(first(m)))
			continue
		}
		out = append(out, fmt.Sprintf("%d to %d", first(m), uint64(first(m))+uint64(m.count)-1))
	}
	return strings.Join(out, ", ")
}

// defaultMaps returns the tutorial's map of 2000 ids that no user of the host has, and one id
// for nobody and nogroup (65534), because package managers give files to these.
func defaultMaps() []idMap { return list(idMap{0, 10000, 2000}, idMap{65534, 12000, 1}) }

// parseMap reads INSIDE:HOST:COUNT.
func parseMap(s string) (idMap, error) {
	var n [3]uint64
	if s == "auto" {
		return idMap{}, fault(func() error {
			return errors.New("--map=auto: cannot be combined with another --map, because it chooses all ids of the container")
		})
	}
	valid, rest, more := true, s, true
	for i := range n {
		var part string
		var is bool
		if !more {
			valid = false
		}
		part, rest, more = cut(rest, ":")
		n[i], is = number(part)
		valid = valid && is && n[i] <= math.MaxUint32
	}
	if !valid || more {
		return idMap{}, fault(func() error {
			return fmt.Errorf("--map=%s: not INSIDE:HOST:COUNT, three whole numbers, for instance 0:10000:2000 (or auto)", s)
		})
	}
	// The id 2^32-1 does not exist: for setresuid(2) it means "do not change".
	if n[2] == 0 || n[0]+n[2] > math.MaxUint32 || n[1]+n[2] > math.MaxUint32 {
		return idMap{}, fault(func() error {
			return fmt.Errorf("--map=%s: the count must be at least 1, and no id may be greater than %d", s, uint32(math.MaxUint32-1))
		})
	}
	return idMap{uint32(n[0]), uint32(n[1]), uint32(n[2])}, nil
}

// setIDs reads -u, --gid and --map.
func (c *config) setIDs(f *runFlags) error {
	var given []idMap
	auto := isAuto(f.Map)
	for _, m := range f.Map {
		if auto {
			break
		}
		p, err := parseMap(m)
		if err != nil {
			return err
		}
		for _, q := range given {
			if overlap(p.inside, p.count, q.inside, q.count) || overlap(p.outside, p.count, q.outside, q.count) {
				return fault(func() error {
					return fmt.Errorf("--map=%s: overlaps with --map=%d:%d:%d, but each id, inside and on the host, can be in one --map only", m, q.inside, q.outside, q.count)
				})
			}
		}
		given = add(given, p)
	}
	if err := sound(given); err != nil {
		return fault(func() error { return fmt.Errorf("--map: %w", err) })
	}
	if err := c.setUser(f); err != nil {
		return err
	}
	const lastID = math.MaxUint32 - 1
	if c.uid < 0 || c.uid > lastID {
		return fault(func() error { return fmt.Errorf("--uid=%d: not an id: 0 to %d", c.uid, lastID) })
	}
	if c.gid < 0 || c.gid > lastID {
		return fault(func() error { return fmt.Errorf("--gid=%d: not an id: 0 to %d", c.gid, lastID) })
	}
	w := whoIs()
	c.rootless.who = w
	switch {
	case !w.root:
		if err := c.userIDs(&w, given, auto); err != nil {
			return err
		}
	case auto:
		if err := c.autoIDs(); err != nil {
			return err
		}
		c.gidMaps = c.maps
	default:
		if c.maps = given; given == nil {
			c.maps = defaultMaps()
		}
		c.gidMaps = c.maps
		if err := c.checkOwners(given == nil); err != nil {
			return err
		}
	}
	var mapped bool
	if c.hostUID, mapped = hostID(c.maps, c.uid); !mapped {
		return c.notMapped("--uid", c.uid, c.maps)
	}
	if c.hostGID, mapped = hostID(c.gidMaps, c.gid); !mapped {
		return c.notMapped("--gid", c.gid, c.gidMaps)
	}
	c.groups = mappedGroups(c.groups, c.gidMaps)
	return nil
}

// checkOwners looks for ids of the container that belong to a user of this host: the command
// could read and change that user's files. In the default range this is an error, because nobody
// chose that range on purpose. For a range that the user gave it is a remark.
func (c *config) checkOwners(standard bool) error {
	who := c.owner()
	switch {
	case who == "":
		return nil
	case standard:
		return fault(func() error {
			return fmt.Errorf("the container would use the ids %s of this host, and they contain ids of %s: the command could read and change those files; choose other ids: --map=auto, or for instance --map=0:2000000:2000", hostRange(c.maps), who)
		})
	}
	c.remarks = add(c.remarks, text("--map: this range contains ids that are in use on this host: ", who, "; the command can read and change their files"))
	return nil
}

// owner returns the owner of an id of this host that the container has too, or "".
func (c *config) owner() (who string) {
	for _, file := range [...]string{"/passwd", "/subuid"} {
		content, _ := readFile(text(hostEtc, file)) // if the file is missing, there are no such accounts
		for rest := content; rest != "" && who == ""; {
			var line string
			line, rest = nextLine(rest)
			name, more, _ := cut(line, ":")
			second, third, _ := cut(more, ":")
			third, _, _ = cut(third, ":")
			// NAME:PASSWORD:UID:..., and NAME:START:COUNT of subuid(5)
			start, count := third, "1"
			if file == "/subuid" {
				start, count = second, third
			}
			from, valid := number(start)
			n, counted := number(count)
			if !valid || !counted || from > math.MaxUint32 || n > math.MaxUint32 || int(from) == c.rootless.who.uid {
				continue
			}
			for _, m := range c.maps {
				if overlap(uint32(from), uint32(n), m.outside, m.count) {
					who = text(name, " (", hostEtc, file, ": ", start, ")")
				}
			}
		}
	}
	return who
}

// hostRange returns the host's ids of a map as text. The ids of the default map are consecutive.
func hostRange(maps []idMap) string {
	last := maps[len(maps)-1]
	return fmt.Sprintf("%d to %d", maps[0].outside, uint64(last.outside)+uint64(last.count)-1)
}

func (c *config) notMapped(flag string, id int, maps []idMap) error {
	return fault(func() error {
		t := fmt.Sprintf("%s=%d: the container has only the ids %s: choose one of these", flag, id, insideText(maps))
		if len(maps) == 1 && maps[0].count == 1 {
			t = fmt.Sprintf("%s=%d: the container has only the id %d: choose that", flag, id, maps[0].inside)
		}
		switch {
		case c.rootless.lacks != nil:
			t += "\nto get more ids: " + c.rootless.lacks.String()
		case c.rootless.on && !c.rootless.who.maps:
			t += ", or map other ids with --map"
		case id < int(rootsSpace.size):
			t += fmt.Sprintf(", or use --map=auto, which has the ids 0 to %d", rootsSpace.size-1)
		default:
			t += fmt.Sprintf(", or map this id as well, for instance with --map=0:10000:2000 --map=%d:2000000:1", id)
		}
		return errors.New(t)
	})
}

// sound returns an error if the kernel would refuse the map. Each id may occur once, a map has
// at most 340 lines (user_namespaces(7)), and its text must be shorter than a page.
func sound(maps []idMap) error {
	const most, page = 340, 4096
	if len(maps) > most {
		return fault(func() error { return fmt.Errorf("%d lines, but a map of ids can have at most %d", len(maps), most) })
	}
	if len(maps) > page/40 { // a line is at most 33 bytes long
		if err := fault(func() error { return tooLong(maps) }); err != nil {
			return err
		}
	}
	for i, m := range maps {
		for _, q := range maps[:i] {
			if overlap(m.outside, m.count, q.outside, q.count) {
				return fault(func() error {
					return fmt.Errorf("the ids %s and the ids %s overlap, but a map can contain each id only once", outsideText([]idMap{q}), outsideText([]idMap{m}))
				})
			}
		}
	}
	return nil
}

// tooLong returns an error if the text of the map is longer than the kernel accepts.
func tooLong(maps []idMap) error {
	if n := len(mapLines(maps)); n >= os.Getpagesize() {
		return fmt.Errorf("%d lines with %d bytes, but the kernel accepts only maps of fewer than %d bytes", len(maps), n, os.Getpagesize())
	}
	return nil
}

// mounterID translates an id inside into the number that it has where the mounts are made. For
// root that is the host's user namespace. Otherwise it is the outer user namespace, whose
// numbers are those inside.
func (c *config) mounterID(maps []idMap, id int) (mounter int, mapped bool) {
	host, mapped := hostID(maps, id)
	if c.rootless.on {
		host = id
	}
	return host, mapped
}

// withOwn adds the user's own id if the maps do not contain it. The mounts are made with that
// id; the inner user namespace does not contain it either.
func withOwn(maps []idMap, own int) []idMap {
	free := uint32(0)
	for _, m := range maps {
		if m.outside <= uint32(own) && uint32(own)-m.outside < m.count {
			return maps
		}
		free = max(free, m.inside+m.count)
	}
	if free == math.MaxUint32 { // the last id is taken, so look for a gap
		inside := turned(maps)
		for i := -1; i < len(maps); i++ {
			next := uint32(0)
			if i >= 0 {
				next = maps[i].inside + maps[i].count
			}
			if next != math.MaxUint32 && !covers(inside, next, 1) {
				free = next
			}
		}
	}
	return add(addAll(nil, maps), idMap{free, uint32(own), 1})
}

// identity maps every id of the outer namespace to itself, except the one that withOwn added. It
// has the same lines as the outer map, because the kernel refuses a line that spans two of them.
func identity(maps []idMap) []idMap {
	var out []idMap
	for _, m := range maps {
		out = add(out, idMap{m.inside, m.inside, m.count})
	}
	return out
}

// covers reports whether all count ids from first on are granted, in one range or in several.
func covers(granted []idMap, first, count uint32) bool {
	for count > 0 {
		found := false
		for _, g := range granted {
			if first >= g.outside && first-g.outside < g.count {
				n := min(count, g.count-(first-g.outside))
				first, count, found = first+n, count-n, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
