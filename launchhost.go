// Carrying the plan out, continued: the steps of the host's.
//
// They are data, as the child's are: a write is a file and a text. What a chapter has a
// function of its own for stands with the chapter.
//
// Differs from the tutorial: there, the launcher's part is code between the calls.

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// hostDo makes a step of the host's.
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
		if !early {
			if err := l.sayStarted(); err != nil {
				return err
			}
		}
		if _, e := sysWrite(l.parent, "\x01"); e != 0 {
			return l.stepError(s, e)
		}
	default:
		return l.chapterDo(s)
	}
	return nil
}

// chapterDo makes a step of the host's for which a chapter has a function of its own.
func (l *launch) chapterDo(s *step) error {
	if s.kind == opensPipe { // eight cases would be a table of jumps
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
	return nil // shown in the plan, and done by the step before it
}

// beforeHost logs a step of the host's, or asks for a key. It needs the runtime.
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

// fileOf is the file that a step of the host's writes.
func (l *launch) fileOf(s *step) string {
	switch s.where {
	case anywhere:
		return s.file
	case inProc:
		return text("/proc/", decimal(l.pid), "/", s.file)
	}
	return l.c.group.pathOf(s, l.groupName)
}

// stepError is the error for a step of the plan that has failed.
func (l *launch) stepError(s *step, e syscall.Errno) *callError {
	return keep(callError{step: s, index: int(s.index) + 1, total: len(l.plan), err: e})
}
