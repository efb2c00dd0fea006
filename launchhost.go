// Carrying the plan out, continued: the steps of the host's.
//
// These steps are data, as the child's are: a write is the name of a file and a text. If a
// chapter has a function of its own for a step, the function is in the chapter's file.
//
// Differs from the tutorial: in the tutorial, the launcher's part is code between the calls.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// hostDo makes a step of the launcher.
func (l *launch) hostDo(s *step) error {
	if s.kind != spawns && len(l.helpers) > 0 {
		if err := l.endHelpers(); err != nil {
			return err
		}
	}
	if !early {
		if err := l.beforeHost(s); err != nil {
			return err
		}
	}
	if e := sabotaged(s); e != 0 {
		return l.stepError(s, e)
	}
	switch s.kind {
	case writesFile:
		e := writeFile(l.fileOf(s), s.text)
		switch {
		case e == unix.ENOENT && s.optional:
			l.absent = add(l.absent, absentText(s))
			if !early {
				l.logAll(l.absent[len(l.absent)-1:])
			}
		case e != 0:
			return l.stepError(s, e)
		}
	case clones:
		return l.clone(s)
	case answersChild:
		if _, e := sysWrite(l.parent, "\x01"); e != 0 {
			return l.stepError(s, e)
		}
	case startsCommand:
		return l.letStart(s)
	default:
		return l.chapterDo(s)
	}
	return nil
}

// chapterDo makes a step of the launcher for which a chapter has a function of its own.
func (l *launch) chapterDo(s *step) error {
	if s.kind == opensPipe { // a switch with eight cases would become a jump table
		return l.openPipe(s)
	}
	switch s.kind {
	case makesLeaf:
		return l.makeLeaf()
	case makesGroup:
		return l.makeGroup()
	case makesPoint:
		return l.ledger.makePoint(l.y, s.file, s.dir)
	case makesIdmap:
		return l.makeIdmap(s)
	case spawns:
		return l.startHelper(s)
	case mapsInner:
		return l.writeInnerMaps()
	case watches:
		return l.watch(s)
	}
	return nil // shown in the plan, but done by the step before it
}

// letStart looks at the container's mounts while the child gives up its powers, and then lets the
// command start.
func (l *launch) letStart(s *step) error {
	err := l.verifyMounts()
	l.close(l.mountinfo) // while it is open, the mount namespace cannot end
	if err != nil {
		return err
	}
	if !early {
		if err := l.sayStarted(); err != nil {
			return err
		}
	}
	switch _, e := sysWrite(l.parent, "\x01"); e {
	case 0:
		return nil
	case unix.EPIPE, unix.ECONNRESET: // nobody has the other end any more
		return l.failure()
	default:
		return l.stepError(s, e)
	}
}

// beforeHost logs a step of the launcher, or asks for a key. It needs the runtime.
//
//tincan:runtime
func (l *launch) beforeHost(s *step) error {
	if l.debug {
		l.log(s.String())
	}
	if l.stepper != nil {
		return l.stepper.host(int(s.index))
	}
	return nil
}

// fileOf returns the file that a step of the launcher writes.
func (l *launch) fileOf(s *step) string {
	switch s.where {
	case anywhere:
		return s.file
	case inProc:
		return text("/proc/", decimal(l.pid), "/", s.file)
	}
	return l.c.group.pathOf(s, l.groupName)
}

// stepError returns the error for a step of the plan that has failed.
func (l *launch) stepError(s *step, e syscall.Errno) *callError {
	return keep(callError{step: s, index: int(s.index) + 1, total: len(l.plan), err: e})
}
