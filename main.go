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
// Read the files in the order of the tutorial "Writing a container in Rust", whose
// sixteen steps they follow:
//
//	main.go      1-4     the command line; flags.go reads the usual ones
//	config.go    1-6     what was asked for, checked and made definite; flagvalues.go
//	                     reads the values of flags, hostkernel.go the kernel's version
//	plan.go              what a step is; calls.go has one constructor for each call
//	planorder.go 5-6     the order of everything: containerPlan
//	launch.go    5-6     carrying it out; hostfiles.go has the steps of the host,
//	                     handshake.go what the child says, mountverify.go a last look
//	clone.go     8       the loop, and the init that stays behind as PID 1
//	ns.go        7-9,11  socket pair, namespaces, hostname, ids; idmaps.go has the maps
//	rootless.go  11      the same for a user who is not root: subids.go reads what ids are
//	                     granted, newuidmap.go has others write the maps, hidehomes.go hides the
//	                     user's home, cgroupdelegate.go finds a group, hostobstacles.go says why a
//	                     host lets nobody
//	mount.go     10,16   the root, /proc, /sys, added paths; dev.go has /dev
//	rootdir.go    10,16   what is where, and what is missing there
//	ledger.go            what goes away again, on every path; mountpoints.go makes
//	                     and removes those that are missing
//	caps.go      12      capabilities
//	seccomp.go   13      the system call filter: the lists. policy.go is the model,
//	                     compile.go and compile*.go the compiler, profile*.go read JSON,
//	                     seccompcmd.go and seccomplint.go look, seccomplog.go logs
//	cgroupfs.go  14      the resource group; cgroupv1.go on version 1, cgroupsystemd.go beside
//	                     systemd
//	rlimit.go    14      the limits of a process
//	apparmor.go          a profile of AppArmor's, for hosts that have it
//	command.go   15      the last steps, and execve; exechint.go says why it was refused
//	wait.go         time limit, the end; signals.go has the signals,
//	                     terminal.go the terminal, stats.go what was used
//	machine.go              PID 1 of a machine: machineargs.go finds out what it is to
//	                     run, machinesetup.go sets the machine up, machineend.go reports
//	                     and powers off; initramfs.go, image.go and cpio.go write
//	                     the image that it boots from
//	planprint.go         tincan plan; check.go and checkuser.go have tincan check, stepper.go --step
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// version is set by the Makefile.
var version = "0.1.0-dev"

func main() {
	growStack()
	if args := os.Args[1:]; machinePID1(args) {
		runMachine(args)
	}
	os.Exit(tincan(os.Args[1:]))
}

// growStack has the stack grow once and for all. By itself it would double four times,
// each time copied with the help of tables that nothing else looks at.
//
//go:noinline
func growStack() (a [16 << 10]byte) { return a }

// cli is the command line.
type cli struct {
	Run     runCmd     `cmd:"" help:"Run a command in a new container (the default: 'run' may be left out)."`
	Plan    planCmd    `cmd:"" help:"Print every system call that run would make, in order, and make none."`
	Seccomp seccompCmd `cmd:"" help:"Look at a system call filter, compile it, or ask it."`
	Check   checkCmd   `cmd:"" help:"Say what this host supports, what is missing, and how to get it."`

	Initramfs initramfsCmd `cmd:"" help:"Write an initramfs with tincan as its /init, and the files given."`
	Init      initCmd      `cmd:"" help:"Do the duties of a machine's PID 1 (automatic as PID 1)."`

	Version kong.VersionFlag `help:"Print the version."`
}

// runFlags are the flags of run, and of everything that runs or plans.
type runFlags struct {
	Mount *string  `short:"m" placeholder:"DIR" group:"root" help:"Root directory of the container. Without it: the host's own tree, read-only, with private empty /tmp, /var/tmp, /run, /home and /root."`
	Add   []string `short:"a" sep:"none" placeholder:"HOST:CONTAINER[:ro]" group:"root" help:"Bind a file or directory of the host into the container (repeatable; \\: is a colon in a name)."`
	Ro    bool     `group:"root" help:"Make the root directory read-only, with everything mounted in it."`
	Tmpfs []string `sep:"none" placeholder:"DIR[:SIZE]" group:"root" help:"A private empty writable directory (repeatable)."`

	Command  *string  `short:"c" placeholder:"LINE" group:"command" help:"The command as one line, split with shell quoting: the tutorial's spelling of COMMAND."`
	Env      []string `short:"e" sep:"none" placeholder:"NAME[=VALUE]" group:"command" help:"Set a variable, or copy the caller's (repeatable). Without it: PATH, HOME and TERM only."`
	Workdir  string   `short:"w" default:"/" placeholder:"DIR" group:"command" help:"Working directory inside (${default})."`
	PassFD   []int    `name:"pass-fd" placeholder:"N" group:"command" help:"Leave descriptor N open for the command (repeatable). Otherwise only 0, 1 and 2 are."`
	Init     bool     `default:"true" negatable:"" group:"command" help:"Have a tiny PID 1 that reaps and passes signals on; with --no-init the command itself is PID 1, as in the tutorial."`
	Timeout  string   `placeholder:"DURATION" group:"command" help:"End the container after this long, such as 30s: SIGTERM, and SIGKILL 5 seconds later. Exit status 124."`
	Stats    string   `placeholder:"FILE" group:"command" help:"Write a JSON report at the end ('-' for standard error)."`
	Hostname string   `placeholder:"NAME" group:"command" help:"Hostname inside, and the name of the resource group (adjective-noun-number)."`
	Net      string   `default:"none" enum:"none,host" placeholder:"none|host" group:"command" help:"Network: none (its own, with the loopback up) or the host's."`

	UID int      `short:"u" name:"uid" default:"0" placeholder:"N" group:"power" help:"User id inside (${default})."`
	GID *int     `name:"gid" placeholder:"N" group:"power" help:"Group id inside (the user id)."`
	Map []string `sep:"none" placeholder:"INSIDE:HOST:COUNT" group:"power" help:"Which ids of the host the container's are (repeatable). Root: 0:10000:2000. Others: the own id as 0, and the ranges of /etc/subuid and /etc/subgid; or the own id alone, as --uid."`

	CapAdd  []string `placeholder:"CAP" group:"power" help:"Keep a capability, such as SYS_NICE, or ALL (repeatable)."`
	CapDrop []string `placeholder:"CAP" group:"power" help:"Drop a capability, or ALL (repeatable; --cap-add wins)."`
	Seccomp string   `default:"default" placeholder:"default|tutorial|none|FILE" group:"power" help:"System call filter: the tutorial's list with its holes closed (${default}), as published, none, or an OCI or Docker profile in JSON."`

	AppArmor *string `name:"apparmor" placeholder:"PROFILE" group:"power" help:"AppArmor profile, loaded beforehand, to enter with the command."`

	SeccompStrictInts bool `name:"seccomp-strict-ints" group:"power" help:"Compare a profile's int-typed arguments on 32 bits, as the kernel does."`
	SeccompLog        bool `name:"seccomp-log" group:"power" help:"Report at the end which calls the filter refused, how often, by which program."`

	Memory    string   `placeholder:"SIZE" group:"limits" help:"Memory of all processes together, such as 512M; max lifts it (1GiB)."`
	Swap      string   `placeholder:"SIZE" group:"limits" help:"Swap beside the memory, or max (0)."`
	Pids      string   `placeholder:"N" group:"limits" help:"Processes and threads, the init among them, or max (64)."`
	CPUWeight string   `name:"cpu-weight" placeholder:"N" group:"limits" help:"Share of the processors when they are short: 1 to 10000, others have 100 (25)."`
	CPUs      string   `name:"cpus" placeholder:"N" group:"limits" help:"Processors at most, such as 1.5, or max (no cap)."`
	IOWeight  string   `name:"io-weight" placeholder:"N" group:"limits" help:"Share of the disks when they are short: 1 to 10000, others have 100 (10)."`
	NoCgroup  bool     `group:"limits" help:"No resource group at all. Otherwise a host that cannot have one is an error."`
	Rlimit    []string `sep:"none" placeholder:"NAME=SOFT[:HARD]" group:"limits" help:"Limit of setrlimit(2) for the command, such as nofile=1024 (repeatable; nofile=64)."`

	Step  bool `group:"look" help:"Make the calls one at a time at a key press, and show what each changes (terminal only)."`
	Debug bool `short:"d" group:"look" help:"Log every system call of the plan as it is made."`

	Args []string `arg:"" optional:"" passthrough:"partial" name:"command" help:"The command and its arguments."`
}

// flagGroups are the headings in --help.
var flagGroups = []kong.Group{
	{Key: "root", Title: "What it sees:"},
	{Key: "command", Title: "What runs:"},
	{Key: "power", Title: "What it may do:"},
	{Key: "limits", Title: "How much it may use:"},
	{Key: "look", Title: "Watching it start:"},
	{Key: "print", Title: "What is printed:"},
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
  tincan --memory=64M --timeout=10s -- ./untrusted`
}

// tincan is the whole program; it gives the exit status.
func tincan(args []string) int {
	args = withDefaultCommand(args)
	if args[0] == "run" {
		if f := quickly(args[1:]); f != nil {
			return run(f)
		}
	}
	var c cli
	parser, err := kong.New(&c, options()...)
	if err != nil {
		return failed(err)
	}
	ctx, err := parser.Parse(args)
	if err == nil {
		err = errors.Join(c.Run.unchanged(args), c.Plan.unchanged(args))
	}
	if err != nil {
		return failed(explainUsage(err))
	}
	switch strings.Fields(ctx.Command())[0] {
	case "run":
		return run(&c.Run.runFlags)
	case "plan":
		err = c.Plan.print(os.Stdout)
	case "check":
		return c.Check.print(os.Stdout)
	case "seccomp":
		err = ctx.Run()
	case "initramfs":
		err = c.Initramfs.write()
	case "init":
		err = fmt.Errorf("init: this is process %d, and no machine's PID 1: for rdinit= or init= on the kernel's command line, or for exec at the end of a script that is /init", os.Getpid())
	}
	if err != nil {
		return failed(err)
	}
	return 0
}

func run(f *runFlags) int {
	status, err := runContainer(f)
	if err != nil {
		return failed(err)
	}
	return status
}

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

// exit is what kong ends with after --help and --version.
func exit(status int) {
	if theMachine != nil {
		theMachine.end(status)
	}
	os.Exit(status)
}

// withDefaultCommand puts `run` in front where no command is named.
func withDefaultCommand(args []string) []string {
	if len(args) > 0 {
		switch args[0] {
		case "run", "plan", "check", "seccomp", "initramfs", "init", "--help", "-h", "--version":
			return args
		}
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

// unchanged puts the command back as it was given. kong passes every word through JSON,
// which has no way to say what is not UTF-8, and names of files may be anything.
func (f *runFlags) unchanged(args []string) error {
	if len(f.Args) == 0 {
		return nil
	}
	first := len(args) - len(f.Args)
	copy(f.Args, args[first:])
	for _, a := range args[:first] {
		if !utf8.ValidString(a) {
			return fmt.Errorf("%s: not UTF-8; in one letter's flags, and beside --help and the like, such a value cannot be told: write --FLAG=VALUE", quote(a))
		}
	}
	return nil
}

// explainUsage adds to kong's message where to look.
func explainUsage(err error) error {
	var p *kong.ParseError
	if errors.As(err, &p) {
		return errors.New(err.Error() + "; see tincan --help")
	}
	return err
}

// failed says why and gives the status: tincan's own, or that of a command that
// could not be executed.
func failed(err error) int {
	say("%v", err)
	if theMachine != nil {
		theMachine.failure = err.Error()
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.status
	}
	return statusFailed
}
