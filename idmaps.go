// Chapter 11, continued: maps of ids.
//
// user_namespaces(7) "User and group ID mappings: uid_map and gid_map".
//
// Differs from the tutorial: the map is not fixed, user and group may differ, and what
// the map does not have is an error beforehand.

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
)

// idMap is one line of uid_map and gid_map: count ids from inside on are the ids from
// outside on of the host.
type idMap struct{ inside, outside, count uint32 }

func (m idMap) text() string {
	return text(unsigned(uint64(m.inside)), " ", unsigned(uint64(m.outside)), " ", unsigned(uint64(m.count)))
}

// hostID is the host's id for one inside; mapped is false if the map has none.
func hostID(maps []idMap, id int) (host int, mapped bool) {
	for _, m := range maps {
		if id >= int(m.inside) && id-int(m.inside) < int(m.count) {
			return int(m.outside) + id - int(m.inside), true
		}
	}
	return 0, false
}

// mapLines is the text of uid_map or gid_map.
func mapLines(maps []idMap) string {
	lines := ""
	for _, m := range maps {
		lines = text(lines, m.text(), "\n")
	}
	return lines
}

func overlap(a, na, b, nb uint32) bool {
	return uint64(a) < uint64(b)+uint64(nb) && uint64(b) < uint64(a)+uint64(na)
}

func mapsText(maps []idMap) string {
	var out []string
	for _, m := range maps {
		out = append(out, fmt.Sprintf("%d to %d", m.inside, uint64(m.inside)+uint64(m.count)-1))
	}
	return strings.Join(out, ", ")
}

// defaultMaps are the tutorial's, 2000 ids that nobody has, and nobody's own: package managers
// give files to 65534, which is called nobody and nogroup.
func defaultMaps() []idMap { return list(idMap{0, 10000, 2000}, idMap{65534, 12000, 1}) }

// parseMap reads INSIDE:HOST:COUNT.
func parseMap(s string) (idMap, error) {
	var n [3]uint64
	if s == "auto" {
		return idMap{}, fault(func() error {
			return errors.New("--map=auto: goes with no other --map: it gives the container all its ids")
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
			return fmt.Errorf("--map=%s: not INSIDE:HOST:COUNT, three whole numbers, for instance 0:10000:2000, and not auto", s)
		})
	}
	// The id 2^32-1 does not exist: it means "leave as it is" to setresuid(2).
	if n[2] == 0 || n[0]+n[2] > math.MaxUint32 || n[1]+n[2] > math.MaxUint32 {
		return idMap{}, fault(func() error {
			return fmt.Errorf("--map=%s: the count must be 1 or more, and no id above %d", s, uint32(math.MaxUint32-1))
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
				return fault(func() error { return fmt.Errorf("--map=%s: overlaps with another --map", m) })
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
	return nil
}

// checkOwners looks whether ids of the container are somebody's on this host: the command could
// read and change what is theirs. The default range has no reason to be anybody's, and that is
// an error; who gives a range is told.
func (c *config) checkOwners(standard bool) error {
	who := c.owner()
	switch {
	case who == "":
		return nil
	case standard:
		return fault(func() error {
			return fmt.Errorf("the container's ids, %s of this host, are somebody's: %s, and the command could read and change what is theirs; choose others: --map=auto, or for instance --map=0:2000000:2000", hostRange(c.maps), who)
		})
	}
	c.remarks = add(c.remarks, text("--map: these ids are somebody's on this host: ", who, ", and the command can read and change what is theirs"))
	return nil
}

// owner returns whose ids of this host the container has, or "".
func (c *config) owner() (who string) {
	for _, file := range [...]string{"/passwd", "/subuid"} {
		content, _ := readFile(text(hostEtc, file)) // a host without it has no such accounts
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

// hostRange is the host's ids of a map, for a person. Those of the default map are in one piece.
func hostRange(maps []idMap) string {
	last := maps[len(maps)-1]
	return fmt.Sprintf("%d to %d", maps[0].outside, uint64(last.outside)+uint64(last.count)-1)
}

func (c *config) notMapped(flag string, id int, maps []idMap) error {
	return fault(func() error {
		t := fmt.Sprintf("%s=%d: not in the container's map, which has %s: see --map", flag, id, mapsText(maps))
		if c.rootless.lacks != nil {
			t += "\nfor more ids: " + c.rootless.lacks.String()
		}
		return errors.New(t)
	})
}

// sound makes sure that the kernel takes the map: each id once, at most 340 lines
// (user_namespaces(7)), and fewer bytes than a page.
func sound(maps []idMap) error {
	const most, page = 340, 4096
	if len(maps) > most {
		return fault(func() error { return fmt.Errorf("%d lines, and a map of ids has %d at most", len(maps), most) })
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
					return fmt.Errorf("some of the ids %s come twice, %s again, and a map takes each once", grantsText([]idMap{q}), grantsText([]idMap{m}))
				})
			}
		}
	}
	return nil
}

// tooLong returns an error if the map's text is longer than the kernel takes.
func tooLong(maps []idMap) error {
	if n := len(mapLines(maps)); n >= os.Getpagesize() {
		return fmt.Errorf("%d lines with %d bytes, and the kernel takes a map of fewer than %d bytes", len(maps), n, os.Getpagesize())
	}
	return nil
}

// mounterID is an id inside as it is called where the mounts are made: by the host's root
// in the host's user namespace, or in the outer one, which has the same numbers.
func (c *config) mounterID(maps []idMap, id int) (mounter int, mapped bool) {
	host, mapped := hostID(maps, id)
	if c.rootless.on {
		host = id
	}
	return host, mapped
}

// withOwn adds the own id where the maps do not have it: the mounts are made by it, and the
// inner user namespace does not have it either.
func withOwn(maps []idMap, own int) []idMap {
	free := uint32(0)
	for _, m := range maps {
		if m.outside <= uint32(own) && uint32(own)-m.outside < m.count {
			return maps
		}
		free = max(free, m.inside+m.count)
	}
	if free == math.MaxUint32 { // the last id is taken: there is a gap
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

// identity maps every id of the outer namespace to itself, but for the added one. It has
// the lines that the outer map has: the kernel takes none that spans two of them.
func identity(maps []idMap) []idMap {
	var out []idMap
	for _, m := range maps {
		out = add(out, idMap{m.inside, m.inside, m.count})
	}
	return out
}

// covers reports whether the ids from first on are granted, in one piece or in several.
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
