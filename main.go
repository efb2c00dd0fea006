// Go's runtime would keep files of the control group open, and read them each second, for
// how many processors to use: the launcher has one goroutine, which mostly waits.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command tincan runs a command in a container, and shows how.
//
// A container is what a process is after a list of system calls. tincan's launcher
// decides everything, writes the list, which it calls the plan, and a small loop in
// a freshly cloned process makes the calls, of which the last is the command's
// execve. `tincan plan` prints the list and makes none of the calls.
//
// Read the files in this order. The numbers are the steps of the tutorial "Writing a
// container in Rust", which the chapters follow. A file uses what stands in its own part of
// the list or above it; a test holds the source to that (layers_test.go).
//
// The kit:
//
//	room.go            in place of make, append and +: what works before Go's runtime
//	roomtext.go        in place of strings and strconv
//	sys.go             system calls, in either mode; rawcall_*.s makes one
//	errors.go          a failed call, and a sentence that waits for the runtime
//	hostfiles.go       files and paths of the host
//	flagvalues.go      sizes
//	nearest.go         words that were perhaps meant
//	hostkernel.go      6: the kernel's version
//
// The plan:
//
//	plan.go            what a step is
//	calls.go           one constructor for each call
//	strace.go          the text of a step
//	signals.go         the launcher's signals
//	clone.go           8: the loop, and the init that stays behind as PID 1; clone_*.s makes the second clone
//	mountinfo.go       the mounts that the kernel shows
//
// The host:
//
//	start.go           before Go's runtime; start_*.s is the entry
//	terminal.go        who is in the foreground
//
// The chapters:
//
//	flags.go           1-4: the flags of run
//	flagfile.go        1-4: --env-file, and the lines of --config
//	config.go          1-6: what was asked for, made definite
//	ns.go              7-9, 11: socket pair, namespaces, hostname, ids
//	idmaps.go          11: maps of ids
//	usernames.go       11: users by name
//	rootless.go        11: the same for a user who is not root
//	subids.go          11: which ids of the host a user may have
//	idranges.go        11: --map=auto
//	newuidmap.go       11: what other processes than the launcher must do
//	hostobstacles.go   11: hosts that forbid user namespaces
//	rootdir.go         10, 16: what is where, and what is missing there
//	rootplaces.go      10, 16: is a place there, and can it be mounted on?
//	resolvconf.go      10: names of the host's network
//	rootlinks.go       16: symlinks on the way to a place
//	mount.go           10: the root, /proc, /sys
//	dev.go             10: /dev
//	ownnet.go          8, 10: its own network's ports, and its own name
//	hidehomes.go       10: what of a user's own the host's tree does not show
//	stdinfiles.go      10: files that are standard input
//	stdpipes.go        10: pipes that are standard input or output
//	hostsockets.go     10: sockets and FIFOs of the host's tree
//	mountidmap.go      16: idmapped mounts
//	mountsetid.go      16: set-id programs in a directory of root's
//	mountadd.go        16: added paths
//	ephemeral.go       10: a root that is gone at the end
//	mountpoints.go     10, 16: mount points that are made and removed
//	mountverify.go     10: is everything where it should be?
//	ledger.go          what goes away again, on every path
//	caps.go            12: capabilities
//	apparmor.go        12: a profile of AppArmor's
//	seccomp.go         13: the lists of the filter
//	seccompnew.go      13: the calls that are newer than the tutorial
//	seccompstep.go     13: --seccomp, and the step that installs the filter
//	seccompterminal.go 13: a filter of our own beside every profile
//	seccompdefault.go  13: the default filter, compiled beforehand
//	recordfilter.go    13: the filter of tincan record
//	policy.go          13: the model of a filter
//	policyeval.go      13: its answer for one call
//	compile.go         13: the compiler, to the kernel's BPF
//	compileargs.go     13: the arguments
//	compilefacts.go    13: what is known on a path
//	compiletree.go     13: the tree over the numbers
//	compileweights.go  13: how often which call is made
//	profile.go         13: profiles in JSON
//	profilejson.go     13: JSON with places
//	profilerules.go    13: a profile's rules
//	profilewords.go    13: a profile's words
//	syscallnum.go      13: names and numbers of calls
//	syscalltable.go    13: their tables, generated
//	syscallints.go     13: which arguments are ints
//	seccompvm.go       13: a filter, run
//	seccomplisting.go  13: a filter, printed
//	seccomplint.go     13: a filter, examined
//	cgroupfs.go        14: the resource group
//	cgrouplimits.go    14: its limits, as the command line has them
//	cgroupdirs.go      14: its directories, made and removed
//	cgroupv1.go        14: on version 1
//	cgroupdelegate.go  14: one that somebody has handed over
//	cgroupsystemd.go   14: beside systemd
//	rlimit.go          14: the limits of a process
//	stats.go           14: what was used, and which limits were hit
//	command.go         15: the command
//	program.go         15: its file and its interpreters
//	exechint.go        15: why execve refused it
//
// The run:
//
//	planorder.go       5-6: the order of everything
//	launch.go          5-6: carrying it out
//	launchhost.go      its steps that are the host's
//	launchfds.go       7: the descriptors of a run
//	handshake.go       7: what the child says
//	monitor.go         for a container without an init: it ends with the launcher
//	statusfd.go        --status-fd
//	wait.go            while the command runs, and its end
//	seccomplog.go      --seccomp-log
//	record.go          tincan record: what the kernel tells
//	recordargs.go      --args
//	recordfiles.go     --files
//	recordapparmor.go  --apparmor-out
//	recordprofile.go   the profile
//	recordview.go      what it says
//	stepper.go         --step
//	sabotage.go        for tests: a step that fails
//
// The commands:
//
//	main.go            1-4: the command line
//	flagskong.go       1-4: the same by way of kong, and what is said of a wrong one
//	flagwords.go       1-4: words that other tools have
//	flagconfig.go      1-4: --config
//	planprint.go       tincan plan
//	recordcmd.go       tincan record
//	seccompcmd.go      tincan seccomp
//	check.go           tincan check
//	checkuser.go       tincan check: who asks
//	machine.go         PID 1 of a machine
//	machineargs.go     what it is to run
//	machinesetup.go    what comes before
//	machineend.go      the report, and the power
//	machineexit_*.go   QEMU's exit device
//	initramfs.go       tincan initramfs
//	image.go           what is in the image
//	cpio.go            its format
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// version is set by the Makefile.
var version = "0.1.0-dev"

func main() {
	openPoll()
	if startedEarly != nil { // the command has run, and there is something to say
		startedEarly.say()
		os.Exit(startedEarly.end.exitStatus())
	}
	if args := os.Args[1:]; machinePID1(args) {
		runMachine(args)
	}
	os.Exit(tincan(os.Args[1:]))
}

// cli is the command line.
type cli struct {
	Run     runCmd     `cmd:"" help:"Run a command in a new container (the default: 'run' may be left out)."`
	Record  recordCmd  `cmd:"" help:"Run a command, and write the system call filter that it needs."`
	Plan    planCmd    `cmd:"" help:"Print every system call that run would make, in order, and make none."`
	Seccomp seccompCmd `cmd:"" help:"Look at a system call filter, compile it, or ask it."`
	Check   checkCmd   `cmd:"" help:"Say what this host supports, what is missing, and how to get it."`

	Initramfs initramfsCmd `cmd:"" help:"Write an initramfs with tincan as its /init, and the files given."`
	Init      initCmd      `cmd:"" help:"Do the duties of a machine's PID 1 (automatic as PID 1)."`

	Version kong.VersionFlag `help:"Print the version."`
}

// flagGroups are the headings in --help.
var flagGroups = []kong.Group{
	{Key: "root", Title: "What it sees:"},
	{Key: "command", Title: "What runs:"},
	{Key: "power", Title: "What it may do:"},
	{Key: "limits", Title: "How much it may use:"},
	{Key: "look", Title: "Watching it start:"},
	{Key: "print", Title: "What is printed:"},
	{Key: "record", Title: "What is recorded:"},
}

type runCmd struct {
	runFlags
}

func (runCmd) Help() string {
	return `Exit status: the command's own; 128+N if signal N ended it; 124 timed out; 125 tincan failed and nothing ran; 126 the command could not be executed; 127 it was not found.

Examples:

  tincan -- bash                          a shell on this host's own tree, read-only
  tincan -m /srv/debian -- apt list       a command in a root directory
  tincan -m /srv/empty -a /lib:/lib -a /lib64:/lib64 -a /bin/sh:/bin/sh:ro -- /bin/sh
  tincan --here --memory=64M --timeout=10s -- ./untrusted      a program of the current directory`
}

// tincan runs the program with these arguments. It returns the exit status.
func tincan(args []string) int {
	args = withDefaultCommand(args)
	if args[0] == "run" {
		if f := readFlags(args[1:]); f != nil {
			status, _ := run(f)
			return status
		}
	}
	if args[0] == "--version" || args[0] == "version" && len(args) == 1 { // kong's would not see that it cannot be written
		if _, err := fmt.Println("tincan", version); err != nil {
			return failed(err)
		}
		return 0
	}
	c, err := parseArgs(args)
	if err != nil {
		return failed(err)
	}
	switch strings.Fields(c.ctx.Command())[0] {
	case "run":
		status, _ := run(&c.Run.runFlags)
		return status
	case "record":
		return c.Record.run()
	case "plan":
		err = c.Plan.print(os.Stdout)
	case "check":
		err = c.Check.print(os.Stdout)
	case "seccomp":
		err = c.ctx.Run()
	case "initramfs":
		err = c.Initramfs.write()
	case "init":
		err = fmt.Errorf("init: this command works only as the first process of a machine, and this is process %d: name tincan on the kernel's command line (rdinit=/init or init=/PATH/tincan), or exec it at the end of a script that is /init; to run a command in a container here: tincan -- COMMAND", os.Getpid())
	}
	if err != nil {
		return failed(err)
	}
	return 0
}

// options returns kong's options.
func options() []kong.Option {
	return []kong.Option{
		kong.Name("tincan"),
		kong.Description("Run a command in a container made of plain Linux system calls, or list the calls first.\n\n" +
			"Without a command's name, 'run' is meant: tincan -- COMMAND. Try: tincan -- sh"),
		kong.Exit(exit),
		kong.Vars{"version": "tincan " + version},
		kong.ExplicitGroups(flagGroups),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	}
}

// exit ends the process. kong calls it after --help and --version.
func exit(status int) {
	if theMachine != nil {
		theMachine.end(status)
	}
	os.Exit(status)
}

// withDefaultCommand adds `run` in front of the arguments if they name no command.
func withDefaultCommand(args []string) []string {
	if namesCommand(args) {
		return args
	}
	return append([]string{"run"}, args...)
}

// AfterApply is called by kong once the flags are set. It passes the -- before
// COMMAND through with the rest, and that is not wanted.
func (f *runFlags) AfterApply() error {
	if len(f.Args) > 0 && f.Args[0] == "--" {
		f.Args = f.Args[1:]
	}
	return nil
}

// failed prints the error, and returns the exit status: tincan's own, or that of a command that
// could not be executed.
//
//tincan:runtime
func failed(err error) int {
	if err.Error() != "" {
		said := err.Error()
		if line := whichLine(err); line != "" {
			said += "\n" + line
		}
		say("%s", said)
	}
	if theMachine != nil {
		theMachine.failure = err.Error()
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.status
	}
	return statusFailed
}
