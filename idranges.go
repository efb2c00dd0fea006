// Chapter 11, continued: --map=auto, a range of ids that no other container has.
//
// flock(2); systemd's docs/UIDS-GIDS.md, for who uses which ids.
//
// Two containers that root starts have the same ids unless the user chooses others, so in a
// directory that both containers share, each owns the files of the other. With --map=auto tincan
// chooses a range at random, and a locked file in the ledger's directory says that the range is
// taken. There is one file for each range, so there is no lock that all runs need. If the range
// is taken, another one is chosen. At the end the file is removed.
//
// A file without a lock was left by a launcher that was killed. Its container was killed as
// well, but it may live a moment longer than the lock. So a run that finds such a file removes
// it and chooses another range.
//
// Differs from the tutorial: all containers of the tutorial have the same ids.

package main

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// idRange is a range of ids of the host. A count of 0 means that no range was asked for.
type idRange struct{ first, count uint32 }

// idSpace is the set from which ranges are chosen: a number of ranges, beginning with the id
// first.
type idSpace struct{ first, size, ranges uint32 }

// rootsSpace is above the ranges of systemd-nspawn(1), 524288 to 1879048191, and below 2^31,
// where no other program takes ids. A range has 65536 ids, enough for all files of a
// distribution.
var rootsSpace = idSpace{first: 1879048192, size: 65536, ranges: 4094}

// usersSize is the size of a range for a user who has at most 65536 ids, as useradd(8) grants
// them. It is the number of ids of the default map.
const usersSize = 2001

// isAuto reports whether --map=auto was given.
func isAuto(maps []string) bool { return len(maps) == 1 && maps[0] == "auto" }

// pick returns a random range of the space.
func (s idSpace) pick() idRange {
	n := one[uint32]()
	sysRandom(unsafe.Slice((*byte)(unsafe.Pointer(n)), 4))
	return idRange{s.first + *n%s.ranges*s.size, s.size}
}

// maps returns the container's map for a range.
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
				return fmt.Errorf("--map=auto: the user namespace around tincan does not contain the ids %s: choose ids that it contains, with --map=INSIDE:HOST:COUNT", hostRange(c.maps))
			})
		}
		if c.owner() == "" {
			return nil
		}
	}
	return noFreeRange()
}

// grantedSpace returns the space that /etc/subuid and /etc/subgid grant. The ids must be the
// same in both files.
func grantedSpace(g *grants) (idSpace, error) {
	if g.lacks != nil {
		return idSpace{}, fault(func() error { return fmt.Errorf("--map=auto: %s", g.lacks) })
	}
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
		return fmt.Errorf("--map=auto: this needs %d ids that are the same in %s/subuid and %s/subgid, but these grant %s and %s",
			usersSize, hostEtc, hostEtc, outsideText(g.uids), outsideText(g.gids))
	})
}

// idsTaken is the error for a range that another container has. The run is then made again with
// another range.
var idsTaken = &idsTakenError{}

type idsTakenError struct{}

func (*idsTakenError) Error() string { return "--map=auto: the range is taken" }

// mostPicks is how many ranges are tried before tincan gives up.
const mostPicks = 1000

// noFreeRange returns the error if --map=auto finds no range.
func noFreeRange() error {
	return fault(func() error {
		return errors.New("--map=auto: found no free range of ids: too many containers run, or users of this host have these ids; choose the ids yourself: --map=0:FIRST:COUNT")
	})
}

// idsPrefix is the beginning of the name of a range's file.
const idsPrefix = "ids-"

// takeIDs takes a range for this run alone. It returns idsTaken if another run has the range.
func (l *ledger) takeIDs(r idRange) error {
	if r.count == 0 {
		return nil
	}
	l.open()
	if l.dir < 0 {
		return fault(func() error {
			return errors.New("--map=auto: there is no directory in which tincan could record that the ids are taken: mount a tmpfs on /run or, if you are not root, set XDG_RUNTIME_DIR to a directory of your own")
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
