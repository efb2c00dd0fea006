// Chapter 11: users and groups by name, as the container knows them: -u NAME:GROUP.
//
// passwd(5), group(5), openat2(2) RESOLVE_IN_ROOT.
//
// A user who is given by name has the groups and the home directory that these files list, as with
// login(1). A user who is given by number has neither.
//
// The files are those of the root directory, and any user may have written them. They are opened
// below the root directory's descriptor, so no link can lead out of it, and only a regular file
// is read.
//
// Differs from the tutorial: the tutorial accepts only numbers.

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// setUser reads -u and --gid.
func (c *config) setUser(f *runFlags) error {
	c.uid, c.gid = f.UID, f.UID
	if f.User == nil {
	} else if id, valid := idNumber(*f.User); valid {
		c.uid, c.gid = id, id
	} else {
		if err := fault(func() error { return c.userNamed(*f.User, f.GID) }); err != nil {
			return err
		}
	}
	if f.GID != nil {
		c.gid = *f.GID
	}
	return nil
}

// idNumber reads an unambiguous decimal number that can be an id.
func idNumber(s string) (int, bool) {
	n, valid := number(s)
	return int(n), valid && n < math.MaxUint32 && (s[0] != '0' || s == "0")
}

// userNamed sets the ids of NAME, NAME:GROUP or N:GROUP.
func (c *config) userNamed(s string, gid *int) error {
	wrong := func(err error) error { return fmt.Errorf("-u %s: %w", s, err) }
	user, group, both := strings.Cut(s, ":")
	switch {
	case user == "" || both && group == "" || strings.Contains(group, ":"):
		return wrong(errors.New("not N, NAME, NAME:GROUP or N:GROUP"))
	case both && gid != nil:
		return wrong(fmt.Errorf("it contains a group, but --gid=%d is also given: give only one of them", *gid))
	}
	var valid bool
	if c.uid, valid = idNumber(user); valid {
		c.gid = c.uid
	} else {
		ids, fields, err := c.idsOf("passwd", "user", user)
		if err != nil {
			return wrong(err)
		}
		c.uid, c.gid = ids[0], ids[1]
		if len(fields) > 5 && strings.HasPrefix(fields[5], "/") && !strings.Contains(fields[5], "\x00") {
			c.home = fields[5]
		}
		if !both && gid == nil {
			if c.groups, err = c.groupsOf(user); err != nil {
				return wrong(err)
			}
		}
	}
	if !both {
		return nil
	}
	if c.gid, valid = idNumber(group); valid {
		return nil
	}
	ids, _, err := c.idsOf("group", "group", group)
	if err != nil {
		return wrong(err)
	}
	c.gid = ids[0]
	return nil
}

// groupsOf returns the groups that list the user as a member.
func (c *config) groupsOf(user string) (groups []uint32, err error) {
	content, err := c.readInside("etc/group")
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("its groups are looked up in the container's /etc/group: %w; or give the group, %[2]s:GROUP", err, user)
	}
	for line := range strings.Lines(content) {
		// NAME:PASSWORD:GID:MEMBER,MEMBER
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) < 4 || !slices.Contains(strings.Split(f[3], ","), user) {
			continue
		}
		if id, valid := idNumber(f[2]); valid && !slices.Contains(groups, uint32(id)) {
			groups = append(groups, uint32(id))
		}
	}
	return groups, nil
}

// mappedGroups returns those of the groups that the container's map contains.
func mappedGroups(groups []uint32, maps []idMap) (mapped []uint32) {
	for _, g := range groups {
		if _, is := hostID(maps, int(g)); is {
			mapped = add(mapped, g)
		}
	}
	return mapped
}

// findHome sets HOME to the home directory of -u NAME, if the container has that directory. Many
// homes are private and empty in a container of the host's own tree, and HOME stays /tmp there.
func (c *config) findHome() {
	if c.home == "" {
		return
	}
	fd, e := c.placeInside(c.home)
	if e != 0 {
		return
	}
	var st unix.Stat_t
	is := sysFstat(fd, &st) == 0 && isDir(&st)
	sysClose(fd)
	for i := range c.env {
		if is && hasPrefix(c.env[i], "HOME=") {
			c.env[i] = text("HOME=", c.home)
		}
	}
}

// idsOf looks a name up in passwd or group. It returns the third and fourth field of the line as
// numbers, and all fields.
func (c *config) idsOf(file, what, name string) (ids [2]int, fields []string, err error) {
	if strings.Trim(name, "0123456789-+") == "" {
		return ids, nil, fmt.Errorf("%s is neither a %s's number, 0 to 4294967294, nor a name", name, what)
	}
	content, err := c.readInside("etc/" + file)
	if err != nil {
		return ids, nil, fmt.Errorf("%s is looked up in the container's /etc/%s: %w; or give the number", name, file, err)
	}
	var names []string
	for line := range strings.Lines(content) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) < 4 {
			continue
		}
		names = append(names, f[0])
		if f[0] != name {
			continue
		}
		for i := range ids {
			var valid bool
			if f[2+i] == "" || file == "group" && i == 1 {
				continue
			}
			if ids[i], valid = idNumber(f[2+i]); !valid {
				return ids, nil, fmt.Errorf("the container's /etc/%s has %q where the number belongs", file, f[2+i])
			}
		}
		if f[2] != "" {
			return ids, f, nil
		}
	}
	said := ""
	if near := nearest(name, names); near != "" {
		said = ": did you mean " + near + "?"
	} else if len(names) > 0 && len(names) <= 8 {
		said = ", which has " + strings.Join(names, ", ")
	}
	return ids, nil, fmt.Errorf("there is no %s %s in the container's /etc/%s%s", what, name, file, said)
}

// readInside reads a file of the root directory, of at most 1 MiB.
func (c *config) readInside(file string) (string, error) {
	dir, err := c.root.open()
	if err != nil {
		return "", err
	}
	if c.root.fd == 0 {
		defer sysClose(dir)
	}
	place, e := sysOpenat2(dir, file, unix.O_PATH, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS)
	if e != 0 {
		return "", &os.PathError{Op: "open", Path: c.root.dir + "/" + file, Err: e}
	}
	defer sysClose(place)
	var st unix.Stat_t
	if e := sysFstat(place, &st); e != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", fmt.Errorf("%s/%s is not a regular file", c.root.dir, file)
	}
	fd, e := sysOpen(fmt.Sprintf("/proc/self/fd/%d", place), unix.O_RDONLY, 0)
	if e != 0 {
		return "", &os.PathError{Op: "open", Path: c.root.dir + "/" + file, Err: e}
	}
	f := os.NewFile(uintptr(fd), file)
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(b), err
}
