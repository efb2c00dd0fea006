// Chapters 1 to 4: the flags of run.
//
// kong reads every command line that there is, and prints --help; it needs Go's runtime
// and as long as the kernel needs for a container. What most command lines of run consist
// of is read here in one pass, before the runtime. Whatever is not plainly that, from
// --help to a value that begins with a dash, an empty one, or a flag that is given twice, is
// left to kong (flagskong.go), whose word is law: a test compares the two on thousands of command lines, and on every flag of runFlags.
//
// Differs from the tutorial: it has six flags.

package main

import (
	"errors"
	"unsafe"

	"github.com/alecthomas/kong"
)

// runFlags are the flags of run, and of everything that runs or plans.
type runFlags struct {
	Mount     *string  `short:"m" placeholder:"DIR" group:"root" help:"Root directory of the container. Without it: the host's own tree, read-only, with private empty /tmp, /var/tmp, /run, /home, /root, /var/log, /var/spool and /var/cache."`
	Add       []string `short:"a" sep:"none" placeholder:"HOST:CONTAINER[:ro][:idmap]" group:"root" help:"Bind a file or directory of the host into the container (repeatable; \\: is a colon in a name). With :idmap its owner is the command's user inside, and what the command makes there is the owner's."`
	Here      hereFlag `placeholder:"[ro]" group:"root" help:"The current directory at its own path, and the command starts in it. It can be written, also by root's container (as with :idmap); --here=ro: only read."`
	Ro        bool     `group:"root" help:"Make the root directory read-only, with everything mounted in it."`
	Ephemeral bool     `group:"root" help:"Let the root directory be written, or the host's own tree; what was changed is gone at the end (overlayfs, in memory that --memory counts)."`
	Tmpfs     []string `sep:"none" placeholder:"DIR[:SIZE]" group:"root" help:"A private empty writable directory (repeatable)."`

	Command  *string  `short:"c" placeholder:"LINE" group:"command" help:"The command as one line, split with shell quoting: the tutorial's spelling of COMMAND."`
	Env      []string `short:"e" sep:"none" placeholder:"NAME[=VALUE]" group:"command" help:"Set a variable, or copy the caller's (repeatable). Without it: PATH, HOME and TERM only."`
	EnvFile  []string `sep:"none" placeholder:"FILE" group:"command" help:"Variables from a file: NAME=VALUE, or NAME to copy the caller's, one a line; # begins a comment (repeatable; -e wins)."`
	Workdir  string   `short:"w" default:"/" placeholder:"DIR" group:"command" help:"Working directory inside (${default})."`
	PassFD   []int    `name:"pass-fd" placeholder:"N" group:"command" help:"Leave descriptor N open for the command (repeatable). Otherwise only 0, 1 and 2 are."`
	Init     bool     `default:"true" negatable:"" group:"command" help:"Have a tiny PID 1 that reaps and passes signals on; with --no-init the command itself is PID 1, as in the tutorial."`
	Timeout  string   `placeholder:"DURATION" group:"command" help:"End the container after this long, such as 30s: SIGTERM, and SIGKILL 5 seconds later. Exit status 124."`
	Stats    string   `placeholder:"FILE" group:"command" help:"Write a JSON report at the end ('-' for standard error)."`
	StatusFD *int     `name:"status-fd" placeholder:"N" group:"command" help:"Write lines of JSON to descriptor N: when the command has started, and how it ended."`
	Hostname string   `placeholder:"NAME" group:"command" help:"Hostname inside, and the name of the resource group (adjective-noun-number)."`
	Net      string   `default:"none" enum:"none,host" placeholder:"none|host" group:"command" help:"Network: none (its own, with the loopback up) or the host's."`

	User *string  `short:"u" name:"uid" placeholder:"N|NAME[:GROUP]" group:"power" help:"User inside (0): an id, or a name of the container's /etc/passwd, which also gives the home directory and groups; and a group, of its /etc/group."`
	UID  int      `kong:"-"` // without User
	GID  *int     `name:"gid" placeholder:"N" group:"power" help:"Group id inside (the user id)."`
	Map  []string `sep:"none" placeholder:"INSIDE:HOST:COUNT|auto" group:"power" help:"Which ids of the host the container's are (repeatable); auto: a range that no other container has. Root: 0:10000:2000 and 65534:12000:1. Others: the own id as 0, and the ranges of /etc/subuid and /etc/subgid; or the own id alone, as --uid."`

	Caps    string   `placeholder:"tutorial|docker" group:"power" help:"The list of capabilities to start from: the tutorial's, or Docker's fourteen, with which package managers work as root inside (and --seccomp=setid)."`
	CapAdd  []string `placeholder:"CAP" group:"power" help:"Keep a capability, such as SYS_NICE, or ALL (repeatable)."`
	CapDrop []string `placeholder:"CAP" group:"power" help:"Drop a capability, or ALL (repeatable; --cap-add wins)."`
	Seccomp string   `default:"default" placeholder:"default|setid|tutorial|none|FILE" group:"power" help:"System call filter: the tutorial's list with its holes closed (${default}); setid: the same with set-id files allowed, which package managers make; the list as published; none (which trusts the command with the terminal, too), or a file: an OCI or Docker profile in JSON, or a filter that seccomp compile wrote."`

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
	Rlimit    []string `sep:"none" placeholder:"NAME=SOFT[:HARD]" group:"limits" help:"Limit of setrlimit(2) for the command, such as nofile=4096 (repeatable; nofile=1024, the tutorial has 64)."`

	Config string `placeholder:"FILE" group:"command" help:"Flags of run from a file, one a line; # begins a comment. Those of the command line win. Behind a line with -- stands the command, a word a line."`
	Quiet  bool   `short:"q" group:"look" help:"Print no notes of tincan's own, errors only."`

	Step  bool `group:"look" help:"Make the calls one at a time at a key press, and show what each changes (terminal only)."`
	Debug bool `short:"d" group:"look" help:"Log every system call of the plan as it is made."`

	Args []string `arg:"" optional:"" passthrough:"partial" name:"command" help:"The command and its arguments."`
}

// hereFlag is --here[=ro]: "" where it is not given, "rw" without a value.
type hereFlag string

// IsBool reports that the flag does without a value.
func (*hereFlag) IsBool() bool { return true }

// Decode reads --here or --here=ro. kong calls it.
func (h *hereFlag) Decode(ctx *kong.DecodeContext) error {
	if *h = "rw"; ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	value := ""
	err := ctx.Scan.PopValueInto("ro", &value)
	if *h = hereFlag(value); value == "" && err == nil {
		err = errors.New("an empty value; write --here, or --here=ro")
	}
	return err
}

// commandNames are tincan's own commands.
var commandNames = [...]string{"run", "record", "plan", "check", "seccomp", "initramfs", "init", "help", "version"}

// namesCommand reports whether the first word is a command of tincan's own.
func namesCommand(args []string) bool {
	if len(args) == 0 {
		return false
	}
	for i := range commandNames {
		if args[0] == commandNames[i] {
			return true
		}
	}
	return args[0] == "--help" || args[0] == "-h" || args[0] == "--version"
}

// valueKind is the type of a flag's field.
type valueKind uint8

const (
	isSet         valueKind = iota // bool
	isUnset                        // bool, of a flag --no-NAME
	isText                         // string
	isGiven                        // *string: nil if the flag was not given
	isList                         // []string
	isGivenNumber                  // *int
	isNumbers                      // []int
	isHere                         // hereFlag
)

// flagTable lists the names of run's flags, without their dashes, and where in runFlags
// their values go.
var flagTable = [...]struct {
	name  string
	kind  valueKind
	field uintptr
}{
	{"m", isGiven, unsafe.Offsetof(runFlags{}.Mount)},
	{"mount", isGiven, unsafe.Offsetof(runFlags{}.Mount)},
	{"a", isList, unsafe.Offsetof(runFlags{}.Add)},
	{"add", isList, unsafe.Offsetof(runFlags{}.Add)},
	{"here", isHere, unsafe.Offsetof(runFlags{}.Here)},
	{"ro", isSet, unsafe.Offsetof(runFlags{}.Ro)},
	{"ephemeral", isSet, unsafe.Offsetof(runFlags{}.Ephemeral)},
	{"tmpfs", isList, unsafe.Offsetof(runFlags{}.Tmpfs)},
	{"c", isGiven, unsafe.Offsetof(runFlags{}.Command)},
	{"command", isGiven, unsafe.Offsetof(runFlags{}.Command)},
	{"e", isList, unsafe.Offsetof(runFlags{}.Env)},
	{"env", isList, unsafe.Offsetof(runFlags{}.Env)},
	{"env-file", isList, unsafe.Offsetof(runFlags{}.EnvFile)},
	{"w", isText, unsafe.Offsetof(runFlags{}.Workdir)},
	{"workdir", isText, unsafe.Offsetof(runFlags{}.Workdir)},
	{"pass-fd", isNumbers, unsafe.Offsetof(runFlags{}.PassFD)},
	{"init", isSet, unsafe.Offsetof(runFlags{}.Init)},
	{"no-init", isUnset, unsafe.Offsetof(runFlags{}.Init)},
	{"timeout", isText, unsafe.Offsetof(runFlags{}.Timeout)},
	{"stats", isText, unsafe.Offsetof(runFlags{}.Stats)},
	{"status-fd", isGivenNumber, unsafe.Offsetof(runFlags{}.StatusFD)},
	{"hostname", isText, unsafe.Offsetof(runFlags{}.Hostname)},
	{"net", isText, unsafe.Offsetof(runFlags{}.Net)},
	{"u", isGiven, unsafe.Offsetof(runFlags{}.User)},
	{"uid", isGiven, unsafe.Offsetof(runFlags{}.User)},
	{"gid", isGivenNumber, unsafe.Offsetof(runFlags{}.GID)},
	{"map", isList, unsafe.Offsetof(runFlags{}.Map)},
	{"caps", isText, unsafe.Offsetof(runFlags{}.Caps)},
	{"cap-add", isList, unsafe.Offsetof(runFlags{}.CapAdd)},
	{"cap-drop", isList, unsafe.Offsetof(runFlags{}.CapDrop)},
	{"seccomp", isText, unsafe.Offsetof(runFlags{}.Seccomp)},
	{"apparmor", isGiven, unsafe.Offsetof(runFlags{}.AppArmor)},
	{"seccomp-strict-ints", isSet, unsafe.Offsetof(runFlags{}.SeccompStrictInts)},
	{"seccomp-log", isSet, unsafe.Offsetof(runFlags{}.SeccompLog)},
	{"memory", isText, unsafe.Offsetof(runFlags{}.Memory)},
	{"swap", isText, unsafe.Offsetof(runFlags{}.Swap)},
	{"pids", isText, unsafe.Offsetof(runFlags{}.Pids)},
	{"cpu-weight", isText, unsafe.Offsetof(runFlags{}.CPUWeight)},
	{"cpus", isText, unsafe.Offsetof(runFlags{}.CPUs)},
	{"io-weight", isText, unsafe.Offsetof(runFlags{}.IOWeight)},
	{"no-cgroup", isSet, unsafe.Offsetof(runFlags{}.NoCgroup)},
	{"rlimit", isList, unsafe.Offsetof(runFlags{}.Rlimit)},
	{"config", isText, unsafe.Offsetof(runFlags{}.Config)},
	{"q", isSet, unsafe.Offsetof(runFlags{}.Quiet)},
	{"quiet", isSet, unsafe.Offsetof(runFlags{}.Quiet)},
	{"step", isSet, unsafe.Offsetof(runFlags{}.Step)},
	{"d", isSet, unsafe.Offsetof(runFlags{}.Debug)},
	{"debug", isSet, unsafe.Offsetof(runFlags{}.Debug)},
}

// defaultFlags returns the values of the flags that are not given.
func defaultFlags() runFlags {
	return runFlags{Workdir: "/", Init: true, Net: "none", Seccomp: "default"}
}

// readFlags reads the words after `run`. It returns nil if kong must read them.
func readFlags(args []string) *runFlags {
	f := keep(defaultFlags())
	var seen [2]uint64 // the rows of flagTable that were given
	for len(args) > 0 {
		word := args[0]
		if word == "--" {
			f.Args = args[1:]
			return f.usual()
		}
		if len(word) < 2 || word[0] != '-' {
			f.Args = args
			return f.usual()
		}
		args = args[1:]
		flag, value, given := word[1:], "", false
		if flag[0] == '-' {
			flag, value, given = cut(flag[1:], "=")
			if len(flag) < 2 {
				return nil
			}
		} else if len(flag) > 1 {
			return nil // -dm DIR, -mDIR
		}
		row := 0
		for row < len(flagTable) && flagTable[row].name != flag {
			row++
		}
		if row == len(flagTable) {
			return nil
		}
		if kind := flagTable[row].kind; kind != isList && kind != isNumbers {
			for other := range flagTable { // a flag's letter is another row
				if seen[other/64]>>(other%64)&1 != 0 && flagTable[other].field == flagTable[row].field {
					return nil // given twice, or contradicted
				}
			}
			seen[row/64] |= 1 << (row % 64)
		}
		to := unsafe.Add(unsafe.Pointer(f), flagTable[row].field)
		switch kind := flagTable[row].kind; {
		case kind == isSet || kind == isUnset:
			if given {
				return nil
			}
			*(*bool)(to) = kind == isSet
			continue
		case kind == isHere:
			if *(*hereFlag)(to) = "rw"; given {
				*(*hereFlag)(to) = hereFlag(value)
			}
			if given && value == "" {
				return nil
			}
			continue
		case !given && (len(args) == 0 || hasPrefix(args[0], "-")):
			return nil
		case !given:
			value, args = args[0], args[1:]
		}
		if !setField(to, flagTable[row].kind, value) {
			return nil
		}
	}
	return f.usual()
}

// setField sets a field of runFlags. It reports false for what kong must look at.
func setField(to unsafe.Pointer, kind valueKind, value string) bool {
	if value == "" {
		return false
	}
	switch kind {
	case isText:
		*(*string)(to) = value
		return true
	case isGiven:
		*(**string)(to) = keep(value)
		return true
	case isList:
		*(*[]string)(to) = add(*(*[]string)(to), value)
		return true
	}
	n, valid := plainNumber(value)
	switch kind {
	case isGivenNumber:
		*(**int)(to) = keep(n)
	case isNumbers:
		*(*[]int)(to) = add(*(*[]int)(to), n)
	}
	return valid
}

// plainNumber reads an unambiguous decimal number: no sign, no leading zero, not so large
// that the size of an int matters.
func plainNumber(s string) (int, bool) {
	if s[0] == '0' && s != "0" || len(s) > 9 {
		return 0, false
	}
	n, valid := number(s)
	return int(n), valid
}

// usual returns f, or nil if kong would not take the values as they are.
func (f *runFlags) usual() *runFlags {
	for _, s := range f.CapAdd {
		if splits(s) {
			return nil
		}
	}
	for _, s := range f.CapDrop {
		if splits(s) {
			return nil
		}
	}
	if f.Net != "none" && f.Net != "host" || f.Config != "" {
		return nil
	}
	return f
}

// splits reports whether kong splits the value of a repeatable flag.
func splits(s string) bool { return contains(s, ",") || contains(s, "\\") }
