// Chapter 11: users and groups by name, as the container knows them: -u NAME:GROUP.
//
// passwd(5), group(5), openat2(2) RESOLVE_IN_ROOT.
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
		ids, err := c.idsOf("passwd", "user", user)
		if err != nil {
			return wrong(err)
		}
		c.uid, c.gid = ids[0], ids[1]
	}
	if !both {
		return nil
	}
	if c.gid, valid = idNumber(group); valid {
		return nil
	}
	ids, err := c.idsOf("group", "group", group)
	if err != nil {
		return wrong(err)
	}
	c.gid = ids[0]
	return nil
}

// idsOf looks a name up in passwd or group. It returns the third and fourth field of the line.
func (c *config) idsOf(file, what, name string) (ids [2]int, err error) {
	if strings.Trim(name, "0123456789-+") == "" {
		return ids, fmt.Errorf("%s is neither a %s's number, 0 to 4294967294, nor a name", name, what)
	}
	content, err := c.readInside("etc/" + file)
	if err != nil {
		return ids, fmt.Errorf("%s is looked up in the container's /etc/%s: %w; or give the number", name, file, err)
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
				return ids, fmt.Errorf("the container's /etc/%s has %q where the number belongs", file, f[2+i])
			}
		}
		if f[2] != "" {
			return ids, nil
		}
	}
	said := ""
	if near := nearest(name, names); near != "" {
		said = ": did you mean " + near + "?"
	} else if len(names) > 0 && len(names) <= 8 {
		said = ", which has " + strings.Join(names, ", ")
	}
	return ids, fmt.Errorf("there is no %s %s in the container's /etc/%s%s", what, name, file, said)
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
