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
	"strconv"
	"strings"
)

// idMap is one line of uid_map and gid_map: count ids from inside on are the ids
// from outside on of the host.
type idMap struct{ inside, outside, count uint32 }

func (m idMap) String() string {
	return strconv.Itoa(int(m.inside)) + " " + strconv.Itoa(int(m.outside)) + " " + strconv.Itoa(int(m.count))
}

// hostID is the host's id for one inside, or ok false if the map has none.
func hostID(maps []idMap, id int) (int, bool) {
	for _, m := range maps {
		if id >= int(m.inside) && id-int(m.inside) < int(m.count) {
			return int(m.outside) + id - int(m.inside), true
		}
	}
	return 0, false
}

func mapLines(maps []idMap) string {
	var b strings.Builder
	for _, m := range maps {
		b.WriteString(m.String() + "\n")
	}
	return b.String()
}

// defaultMaps are the tutorial's: 2000 ids that nobody has.
var defaultMaps = []idMap{{0, 10000, 2000}}

func (c *config) setIDs(f *runFlags) error {
	var given []idMap
	for _, m := range f.Map {
		p, err := parseMap(m)
		if err != nil {
			return err
		}
		for _, q := range given {
			if overlap(p.inside, p.count, q.inside, q.count) || overlap(p.outside, p.count, q.outside, q.count) {
				return fmt.Errorf("--map=%s: overlaps with another --map", m)
			}
		}
		given = append(given, p)
	}
	if err := sound(given); err != nil {
		return fmt.Errorf("--map: %w", err)
	}
	c.uid, c.gid = f.UID, f.UID
	if f.GID != nil {
		c.gid = *f.GID
	}
	const lastID = math.MaxUint32 - 1
	if c.uid < 0 || c.uid > lastID {
		return fmt.Errorf("--uid=%d: not an id: 0 to %d", c.uid, lastID)
	}
	if c.gid < 0 || c.gid > lastID {
		return fmt.Errorf("--gid=%d: not an id: 0 to %d", c.gid, lastID)
	}
	if w := whoIs(); !w.root {
		if err := c.userIDs(w, given); err != nil {
			return err
		}
	} else {
		c.maps = defaultMaps
		if given != nil {
			c.maps = given
		}
		c.gidMaps = c.maps
	}
	for _, id := range []struct {
		flag   string
		inside int
		maps   []idMap
		host   *int
	}{{"--uid", c.uid, c.maps, &c.hostUID}, {"--gid", c.gid, c.gidMaps, &c.hostGID}} {
		var ok bool
		if *id.host, ok = hostID(id.maps, id.inside); !ok {
			text := fmt.Sprintf("%s=%d: not in the container's map, which has %s: see --map", id.flag, id.inside, mapsText(id.maps))
			if c.rootless.lacks != nil {
				text += "\nfor more ids: " + c.rootless.lacks.String()
			}
			return errors.New(text)
		}
	}
	return nil
}

// sound tells whether the kernel takes the map: each id once, at most 340 lines
// (user_namespaces(7)), and fewer bytes than a page.
func sound(maps []idMap) error {
	const most = 340
	if len(maps) > most {
		return fmt.Errorf("%d lines, and a map of ids has %d at most", len(maps), most)
	}
	if n := len(mapLines(maps)); n >= os.Getpagesize() {
		return fmt.Errorf("%d lines with %d bytes, and the kernel takes a map of fewer than %d bytes", len(maps), n, os.Getpagesize())
	}
	for i, m := range maps {
		for _, q := range maps[:i] {
			if overlap(m.outside, m.count, q.outside, q.count) {
				return fmt.Errorf("some of the ids %s come twice, %s again, and a map takes each once", grantsText([]idMap{q}), grantsText([]idMap{m}))
			}
		}
	}
	return nil
}

// mounterID is an id inside as it is called where the mounts are made: by the host's
// root in the host's user namespace, or in the outer one, which has the same numbers.
func (c *config) mounterID(maps []idMap, id int) (int, bool) {
	host, ok := hostID(maps, id)
	if c.rootless.on {
		host = id
	}
	return host, ok
}

// withOwn adds the own id where the maps do not have it: the mounts are made by it,
// and the inner user namespace does not have it either.
func withOwn(maps []idMap, own int) []idMap {
	free := uint32(0)
	for _, m := range maps {
		if covers([]idMap{m}, uint32(own), 1) {
			return maps
		}
		free = max(free, m.inside+m.count)
	}
	if free == math.MaxUint32 { // the last id is taken: there is a gap
		inside := turned(maps)
		for _, m := range append([]idMap{{}}, maps...) {
			if next := m.inside + m.count; next != math.MaxUint32 && !covers(inside, next, 1) {
				free = next
			}
		}
	}
	return append(append([]idMap{}, maps...), idMap{free, uint32(own), 1})
}

// identity maps every id of the outer namespace to itself, but for the added one. It
// has the lines that the outer map has: the kernel takes none that spans two of them.
func identity(maps []idMap) []idMap {
	var out []idMap
	for _, m := range maps {
		out = append(out, idMap{m.inside, m.inside, m.count})
	}
	return out
}

// covers tells whether the ids from first on are granted, in one piece or in several.
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
