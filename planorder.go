// The order of everything: a container, from nothing to the command.
//
// Each line of containerPlan is a chapter's function; the plan is their
// concatenation. It is one order for everybody: where the caller is not root, a user
// namespace with the caller's ids comes first (outerNamespace), and the clone makes it.

package main

import (
	"golang.org/x/sys/unix"
)

// containerPlan is a container, from nothing to the command. This is the order of
// the tutorial, with the exceptions that each file's comment gives reasons for.
func containerPlan(c *config) ([]*step, error) {
	filter, err := filter(c)
	if err != nil {
		return nil, err
	}
	var plan []*step
	add := func(chapter int, a actor, steps []*step) {
		for _, s := range steps {
			if s.chapter == 0 {
				s.chapter = chapter
			}
			if s.actor != host || a == after {
				s.actor = a
			}
			plan = append(plan, s)
		}
	}
	add(14, host, resources(c))
	add(10, host, mountPoints(c))
	add(8, host, cloneStep(c))
	add(7, child, beginning(c))
	add(11, child, outerNamespace(c)) // not for root: see rootless.go
	add(12, child, appArmorFirst(c))
	add(14, child, join(c))
	add(8, child, sessionKeyring(c))
	add(9, child, hostname(c))
	add(8, child, loopback(c))
	add(10, child, mounts(c))
	add(11, child, userns(c))
	add(12, child, bounding(c))
	add(11, child, ids(c))
	add(12, child, caps(c))
	add(15, child, forkInit(c))
	add(15, pid1, initSteps(c))
	add(15, command, terminal(c))
	add(14, command, rlimits(c))
	add(15, command, lastSteps(c))
	add(12, command, appArmorLast(c))
	add(13, command, filter)
	add(15, command, execute(c))
	add(14, after, leave(c))
	return plan, nil
}

// in appends steps that belong to a chapter of their own.
func in(chapter int, plan []*step, more []*step) []*step {
	for _, s := range more {
		s.chapter = chapter
		plan = append(plan, s)
	}
	return plan
}

// cloneStep is the host's: the flags of step 8.
func cloneStep(c *config) []*step {
	return []*step{hostStep("clone3", (*launch).clone, "{flags="+flagText(c.cloneFlags(), cloneFlags)+", exit_signal=SIGCHLD}", "88").
		because("the container's first process, in its new namespaces: from here on it makes the calls")}
}

func (c *config) cloneFlags() uintptr {
	f := namespaces(c) | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND
	if c.group.version() == 2 {
		f |= unix.CLONE_INTO_CGROUP
	}
	return f
}

// mountPoints are the host's steps for what is missing in a root directory.
func mountPoints(c *config) []*step {
	if c.root.assembled {
		return nil
	}
	var steps []*step
	for _, p := range c.toMake() {
		call, mode := "mkdir", "0755"
		if !p.dir {
			call, mode = "mknod", "S_IFREG|0644"
		}
		steps = append(steps, hostStep(call, func(l *launch) error { return l.ledger.makePoint(&l.c.root, p) },
			quote(c.root.dir+p.target), mode).because("a mount point that is missing; removed again at the end"))
	}
	return steps
}

// childPlan sorts the plan's steps to who makes them, and lets the log and --step
// in between: they are steps themselves, so that the loop knows nothing of them.
func (l *launch) childPlan() *childPlan {
	p := &childPlan{init: l.c.init, report: uintptr(l.c.fds.report)}
	lists := map[actor]*[]*step{child: &p.setup, pid1: &p.pid1, command: &p.command}
	for i, s := range l.plan {
		list := lists[s.actor]
		if list == nil {
			continue
		}
		s.index = i
		if l.debug {
			*list = append(*list, l.logStep(s))
		}
		if l.stepper != nil && s.actor != pid1 {
			*list = append(*list, l.stepper.gate(i)...)
		}
		*list = append(*list, s)
	}
	return p
}

// logStep is the step that logs another: the child's write to standard error. That
// nobody reads there is no reason to stop.
func (l *launch) logStep(s *step) *step {
	w := writeBytes(name(2, "2"), "tincan: "+s.String()+"\n")
	w.least, w.may = 0, unix.EPIPE
	w.actor, w.index = s.actor, s.index
	return w
}
