// Chapter 11, continued: --map=auto, a range of ids that no other container has.
//
// flock(2); systemd's docs/UIDS-GIDS.md, for who uses which ids.
//
// Two containers of root's have the same ids unless somebody chooses others, so a directory
// that both were given holds files that both own. With --map=auto a range is chosen at random,
// and a file in the ledger's directory, with a lock on it, says that it is taken: one file for
// each range, so there is no lock that all runs take. Who finds the range taken chooses
// another. At the end the file is removed.
//
// A file without a lock was left by a launcher that was killed. Its container is killed as
// well, but may live for a moment longer than the lock: so whoever finds the file removes it,
// and takes another range.
//
// Differs from the tutorial: all of its containers have the same ids.

package main

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// idRange is a range of the host's ids. One with the count 0 was not asked for.
type idRange struct{ first, count uint32 }

// idSpace is what ranges are chosen from: so many of them from the first id on.
type idSpace struct{ first, size, ranges uint32 }

// rootsSpace is unused: above the ranges of systemd-nspawn(1), 524288 to 1879048191, and below
// 2^31. A range has 65536 ids, which are all that files of a distribution have.
var rootsSpace = idSpace{first: 1879048192, size: 65536, ranges: 4094}

// usersSize is the size of a range of somebody who has 65536 ids at most, as useradd(8) grants
// them: the ids of the default map.
const usersSize = 2001

// isAuto reports whether --map=auto was given.
func isAuto(maps []string) bool { return len(maps) == 1 && maps[0] == "auto" }

// pick returns one of the ranges, at random.
func (s idSpace) pick() idRange {
	n := one[uint32]()
	sysRandom(unsafe.Slice((*byte)(unsafe.Pointer(n)), 4))
	return idRange{s.first + *n%s.ranges*s.size, s.size}
}

// maps are the container's ids in a range.
func (r idRange) maps() []idMap {
	if r.count == usersSize {
		return list(idMap{0, r.first, 2000}, idMap{65534, r.first + 2000, 1})
	}
	return list(idMap{0, r.first, r.count})
}

// autoIDs chooses a range for root.
func (c *config) autoIDs() error {
	for tries := 0; tries < 100; tries++ {
		c.ids = rootsSpace.pick()
		c.maps = c.ids.maps()
		if !c.rootless.who.around.have(c.maps, c.maps) {
			return fault(func() error {
				return fmt.Errorf("--map=auto: the ids %s are not in the user namespace around tincan: choose from those that are there, with --map=INSIDE:HOST:COUNT", hostRange(c.maps))
			})
		}
		if c.owner() == "" {
			return nil
		}
	}
	return noFreeRange()
}

// grantedSpace is the space that /etc/subuid and /etc/subgid grant: the same ids in both.
func grantedSpace(g *grants) (idSpace, error) {
	for _, u := range g.uids {
		for _, v := range g.gids {
			first := max(u.outside, v.outside)
			last := min(u.outside+u.count, v.outside+v.count)
			if last > first && last-first >= usersSize {
				return idSpace{first, usersSize, (last - first) / usersSize}, nil
			}
		}
	}
	return idSpace{}, fault(func() error {
		if g.lacks != nil {
			return fmt.Errorf("--map=auto: %s", g.lacks)
		}
		return fmt.Errorf("--map=auto: takes %d ids that are the same in %s/subuid and %s/subgid, which grant %s and %s",
			usersSize, hostEtc, hostEtc, grantsText(g.uids), grantsText(g.gids))
	})
}

// idsTaken is the error for a range that another container has. The run is made again, with
// another range.
var idsTaken = &idsTakenError{}

type idsTakenError struct{}

func (*idsTakenError) Error() string { return "--map=auto: the range is taken" }

// mostPicks is how many ranges are tried, before all are said to be taken.
const mostPicks = 1000

func noFreeRange() error {
	return fault(func() error {
		return errors.New("--map=auto: found no free range of ids: too many containers run, or users of this host have these ids")
	})
}

// idsPrefix is what the name of a range's file begins with.
const idsPrefix = "ids-"

// takeIDs takes a range for this run alone. It returns idsTaken if another run has it.
func (l *ledger) takeIDs(r idRange) error {
	if r.count == 0 {
		return nil
	}
	l.open()
	if l.dir < 0 {
		return fault(func() error {
			return errors.New("--map=auto: no directory in which to note that the ids are taken: mount a tmpfs on /run, or, not as root, set XDG_RUNTIME_DIR to a directory of your own")
		})
	}
	name := text(idsPrefix, unsigned(uint64(r.first)))
	fd, e := l.openNote(name, unix.O_CREAT|unix.O_EXCL, unix.LOCK_EX)
	switch {
	case e == unix.EEXIST:
		l.try(name)
		return idsTaken
	case e != 0:
		return failedCall("open", text(l.path, "/", name), "O_RDWR|O_CREAT|O_EXCL, 0600", e)
	}
	l.idsNote, l.idsName = fd, name
	return nil
}

// giveIDs gives the range back.
func (l *ledger) giveIDs() {
	if l.idsNote != 0 {
		sysUnlinkat(l.dir, l.idsName, 0)
		sysClose(l.idsNote)
		l.idsNote = 0
	}
}
