// Chapters 5 and 6: the order of everything, from nothing to the command.
//
// Each line of newPlan calls a chapter's function, and the plan is all their steps one after
// another. The order is the same for every caller. If the caller is not root, a user namespace
// with the caller's ids comes first (outerNamespace), and the clone makes it.

package main

import "golang.org/x/sys/unix"

// newPlan returns the plan of a container. The order is that of the tutorial, with exceptions
// that are explained in the comments of the files. `run`, `plan` and the tests make their plans
// here.
func newPlan(c *config, y *layout, d *fds) plan {
	p := plan(grow([]*step(nil), 220))
	p = p.with(14, host, resources(&c.group))
	p = p.with(10, host, mountPoints(y))
	p = p.with(10, host, openPipes(c.pipes))
	p = p.with(16, host, holders(c))
	p = p.with(8, host, cloneStep(c))
	p = p.with(7, child, beginning(d))
	p = p.with(11, child, outerNamespace(c, d)) // only for callers who are not root: see rootless.go
	p = p.with(12, child, appArmorFirst(c.apparmor))
	p = p.with(14, child, joinGroups(&c.group, d.group))
	p = p.with(8, child, sessionKeyring())
	p = p.with(9, child, hostname(c.hostname))
	p = p.with(8, child, loopback(c.net))
	p = p.with(8, child, ports(c))
	p = p.with(10, child, mounts(c, y, d))
	p = p.with(11, child, userns(c, d))
	p = p.with(12, child, bounding(c.keep, c.lastCap))
	p = p.with(11, child, ids(c, d))
	p = p.with(12, child, caps(c.keep))
	p = p.with(15, child, forkInit(c.init, d))
	p = p.with(15, pid1, initSteps(c.init, d))
	p = p.with(15, command, terminal(c.init, d))
	p = p.with(14, command, rlimits(c.rlimits))
	p = p.with(15, command, lastSteps(c, d))
	p = p.with(12, command, appArmorLast(c.apparmor))
	p = p.with(15, command, checkPrograms(candidates(c.argv[0], c.env), y.interpreters, c.passFDs))
	p = p.with(13, command, filter(c, d))
	p = p.with(15, command, execute(c.argv, c.env))
	return p.with(14, after, leave(&c.group, y.toMake, y.root.dir))
}

// with appends the steps of a chapter. A step that belongs to another chapter, or is made by the
// launcher between the child's steps, says so itself.
func (p plan) with(chapter uint8, a actor, steps []*step) plan {
	for _, s := range steps {
		if s.chapter == 0 {
			s.chapter = chapter
		}
		if s.actor != host || a == after {
			s.actor = a
		}
		s.index = int16(len(p))
		p = add(p, s)
	}
	return p
}

// mountPoints returns the launcher's steps that make what is missing in a root directory.
func mountPoints(y *layout) []*step {
	var steps []*step
	for i := range y.toMake {
		p := &y.toMake[i]
		at := shown(text(y.root.dir, p.target), showQuoted)
		s := hostStep(makesPoint, "mkdir", at, shown("0755", showText))
		if !p.dir {
			s = hostStep(makesPoint, "mknod", at, shown("S_IFREG|0644", showText))
		}
		s.file, s.dir = p.target, p.dir
		steps = add(steps, s.because("a missing mount point; it is removed again at the end"))
	}
	return steps
}

// childPlan divides the plan's steps among the processes that make them. It inserts the steps of
// --debug and --step, which are ordinary steps, so that the loop does not have to know about
// them.
func (l *launch) childPlan() *childPlan {
	p := keep(childPlan{report: uintptr(l.fds.report), setup: grow([]*step(nil), len(l.plan))})
	for _, s := range l.plan {
		if !early {
			for _, between := range l.before(s) {
				p.add(between)
			}
		}
		p.add(s)
	}
	p.base = int32(len(p.setup) + len(p.pid1))
	if p.fork != nil {
		p.base++
	}
	if l.c.recording != nil {
		l.c.recording.marked(p.command)
	}
	return p
}

// add appends a step to the list of the process that makes it.
func (p *childPlan) add(s *step) {
	switch s.actor {
	case child:
		if s.kind == forks {
			p.fork = s
			return
		}
		p.setup = add(p.setup, s)
	case pid1:
		p.pid1 = add(p.pid1, s)
	case command:
		p.command = add(p.command, s)
	}
}

// before returns the steps that --debug and --step put before a step of the child.
//
//tincan:runtime
func (l *launch) before(s *step) []*step {
	if s.actor == host || s.actor == after {
		return nil
	}
	var steps []*step
	if l.debug {
		steps = append(steps, logStep(s))
	}
	if l.stepper != nil && s.actor != pid1 {
		steps = append(steps, l.stepper.gate(s)...)
	}
	for _, b := range steps {
		b.actor, b.index = s.actor, s.index
	}
	return steps
}

// logStep returns the step that logs another step: the child writes to standard error. If nobody
// reads that, the child does not stop.
func logStep(s *step) *step {
	w := writeBytes(name(2, "2"), "tincan: "+s.String()+"\n")
	w.least = 0
	return w.or(unix.EPIPE)
}

// chapters are the tutorial's steps that make system calls, with their titles and our files.
var chapters = [...]struct{ title, file string }{
	7:  {"socket pair between launcher and container", "ns.go"},
	8:  {"namespaces", "ns.go"},
	9:  {"hostname", "ns.go"},
	10: {"mounts", "mount.go"},
	11: {"user namespace", "ns.go"},
	12: {"capabilities", "caps.go, apparmor.go"},
	13: {"system calls", "seccomp.go"},
	14: {"resources", "cgroupfs.go, rlimit.go"},
	15: {"the command", "command.go"},
	16: {"added paths", "mountadd.go"},
}
