// tincan record: run a command, and write the profile that it needs.

package main

import (
	"errors"
	"fmt"
	"strings"
)

// recordCmd is the command line of `tincan record`.
type recordCmd struct {
	runFlags
	Output   string `short:"o" placeholder:"FILE" group:"record" help:"Write a profile in Docker's format, which allows what was used and what any start needs."`
	Minimal  bool   `group:"record" help:"Only what was used: every call is watched, which is slower, and tincan itself may be unable to start a command under the profile."`
	ArgRules bool   `name:"args" group:"record" help:"Allow only the arguments that were used, where they have few values: socket families, ioctl requests, prctl options, flags of clone."`
	Merge    string `placeholder:"FILE" group:"record" help:"Add to what an earlier recording has in FILE."`
	Diff     string `placeholder:"FILE" group:"record" help:"Say which calls the profile FILE does not allow, by which program."`
	Report   bool   `group:"record" help:"Say at the end which program made which calls."`
	Files    bool   `group:"record" help:"Say at the end which files were opened, executed, changed and connected to."`

	AppArmorOut string `name:"apparmor-out" placeholder:"FILE" group:"record" help:"Write an AppArmor profile for those files."`
}

func (recordCmd) Help() string {
	return `The command runs as with 'run', under the same filter. Every system call is noted, and then goes on. What is written is an observation, not a proof: make the program do all that it can do, and --merge the runs.

Examples:

  tincan record -o profile.json -- COMMAND
  tincan --seccomp=profile.json -- COMMAND              under exactly these calls
  tincan record -o profile.json --merge=profile.json -- COMMAND OTHERWISE
  tincan record --diff=profile.json -- COMMAND          what it would lack`
}

// checkOutput returns an error if a file cannot be written. It is called before anything runs, and
// leaves no file behind, even if tincan is killed later.
func checkOutput(flag, name string) error {
	if name == "" {
		return nil
	}
	if name == "-" {
		return fmt.Errorf("%s -: standard output belongs to the command; give the name of a file", flag)
	}
	_, done, err := createOutput(name, 0o644)
	if err == nil {
		done(false)
		return nil
	}
	return fmt.Errorf("%s %s: %w", flag, name, err)
}

func writeOutput(flag, name string, text []byte) error {
	f, done, err := createOutput(name, 0o644)
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, done(err == nil))
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, name, err)
	}
	return nil
}

// A recordRun is one run of `tincan record`.
type recordRun struct {
	c       *recordCmd
	r       *recorder
	earlier *recorded // --merge
}

// theRecord is the recording of this process's run, or nil if it is not recorded.
var theRecord *recordRun

// run runs the command and records it. It returns the exit status.
func (c *recordCmd) run() int {
	p, err := c.check()
	if err != nil {
		return failed(err)
	}
	theRecord = &recordRun{c: c, earlier: p}
	status, _ := run(&c.runFlags)
	return status
}

// check checks the flags before anything is made, and reads the file of --merge.
func (c *recordCmd) check() (earlier *recorded, err error) {
	switch {
	case c.SeccompLog:
		return nil, errors.New("--seccomp-log cannot be used with record: the kernel allows only one program to watch the calls; leave --seccomp-log out")
	case c.Step:
		return nil, errors.New("--step cannot be used with record, which must answer each call at once; leave --step out")
	case c.Merge != "" && c.Output == "":
		return nil, errors.New("--merge needs -o FILE: the file that the old and the new recording are written to together (it may be the same file)")
	case c.Merge != "":
		if earlier, err = readRecorded(c.Merge); err != nil {
			return nil, fmt.Errorf("--merge=%s: %w", c.Merge, err)
		}
	}
	err = checkOutput("-o", c.Output)
	if err == nil {
		err = checkOutput("--apparmor-out", c.AppArmorOut)
	}
	return earlier, err
}

// begin prepares the recording of a launch. It makes nothing yet.
//
//tincan:runtime
func (run *recordRun) begin(l *launch) (err error) {
	c, r := run.c, newRecorder()
	if c.Diff != "" {
		_, err := profileText(c.Diff)
		if err == nil {
			r.diff, _, err = seccompPolicy(c.Diff, l.c.keep.names(), c.SeccompStrictInts)
		}
		if err != nil {
			return fmt.Errorf("--diff=%s: %w", c.Diff, err)
		}
	}
	if c.Seccomp == "default" || c.Seccomp == "setid" {
		if l.c.policy, err = recordedDefault(c.Seccomp); err == nil {
			l.c.program, err = l.c.policy.compile()
		}
		if err != nil {
			return err
		}
	}
	if c.Files || c.AppArmorOut != "" {
		r.file = newFileUses()
	}
	told := func(a *abi, nr uint32, when toldWhen) bool {
		return c.Minimal || when == alwaysTold || when == forReports && (c.reports() || r.file != nil) || r.diff != nil && !r.diff.always(a, nr)
	}
	if l.c.recording, err = newRecording(told, r.file != nil); err != nil {
		return err
	}
	r.args = c.ArgRules
	if isTerminal(2) && !c.Quiet {
		r.live = &liveView{}
	}
	l.recorder, run.r = r, r
	return nil
}

// finish writes the recording of a command that has ended, and returns the exit status.
//
//tincan:runtime
func (run *recordRun) finish(l *launch, status int) int {
	r := run.r
	if r.started {
		<-r.done // no process is left, so the recorder ends
	} else {
		r.err = errors.New("the container ended before the command started: nothing was recorded")
	}
	if r.err == nil {
		r.err = run.write(l.c.policy, l.c.keep.names())
	}
	if r.err != nil {
		return failed(r.err)
	}
	return status
}

// write writes the files that were asked for, and prints what was recorded.
func (run *recordRun) write(base *policy, held []string) error {
	c, r := run.c, run.r
	r.mu.Lock() // the live view must not print any more
	r.live = nil
	p := r.profile(c.Minimal, base)
	if run.earlier != nil {
		p.merge(run.earlier)
	}
	if c.Output != "" {
		text, err := p.json()
		if err == nil {
			err = writeOutput("-o", c.Output, text)
		}
		if err != nil {
			return err
		}
	}
	if c.Files {
		sayAll(r.file.list())
	}
	if c.AppArmorOut != "" {
		if err := writeOutput("--apparmor-out", c.AppArmorOut, []byte(r.appArmor(profileName(c.AppArmorOut), held))); err != nil {
			return err
		}
		if n := r.file.leftOut(); n > 0 {
			say("%s does not contain %s whose name has a control character, because AppArmor cannot express such a name", c.AppArmorOut, plural(n, "file"))
		}
	}
	for _, u := range r.all() {
		if u.nameless() {
			say("%s: tincan does not know the name of this call, so the profile does not allow it", u.text())
		}
	}
	if c.reports() {
		sayAll(r.report())
	}
	if c.Diff != "" {
		sayAll(r.differences(c.Diff))
	}
	if r.full {
		say("there were too many programs to list each (at most %d, with %d calls, are kept apart): the others are counted together, as %s", mostPrograms, mostUses, otherPrograms)
	}
	if r.file != nil && r.file.full {
		say("there were too many files to record all (at most %d, with %d MiB of names): the list of files and the profile for AppArmor are incomplete", mostPaths, mostText>>20)
	}
	line := r.summary()
	if c.Output != "" {
		line += fmt.Sprintf("; %s allows %d", c.Output, p.allowed())
	}
	remark(line)
	return nil
}

// reports reports whether each program's calls are listed at the end: if --report is given, or no
// other output.
func (c *recordCmd) reports() bool {
	return c.Report || c.Output == "" && c.Diff == "" && !c.Files && c.AppArmorOut == ""
}

func sayAll(lines []string) {
	for _, line := range lines {
		say("%s", strings.ReplaceAll(line, "\n", `\x0a`)) // a line break in a name must not start a new line
	}
}

// always reports whether the policy allows a call with any arguments.
func (p *policy) always(a *abi, nr uint32) bool {
	ap := p.abi(a)
	if ap == nil {
		return false
	}
	for _, r := range ap.rulesFor(nr) {
		if !r.then.permits() || len(r.when) == 0 {
			return r.then.permits()
		}
	}
	return ap.fallback(nr).permits()
}
