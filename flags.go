// Chapters 1 to 4: the flags of run and of plan.
//
// The structure has what --help says of each flag, which kong prints. The table says how
// a command line spells it, and flagreader.go reads command lines by it; a test holds the
// two to each other.
//
// Differs from the tutorial: it has six flags.

package main

import "unsafe"

// runFlags are the flags of run, and of everything that runs or plans.
type runFlags struct {
	Mount *string  `short:"m" placeholder:"DIR" group:"root" help:"Root directory of the container. Without it: the host's own tree, read-only, with private empty /tmp, /var/tmp, /run, /home and /root."`
	Add   []string `short:"a" sep:"none" placeholder:"HOST:CONTAINER[:ro]" group:"root" help:"Bind a file or directory of the host into the container (repeatable; \\: is a colon in a name)."`
	Ro    bool     `group:"root" help:"Make the root directory read-only, with everything mounted in it."`
	Tmpfs []string `sep:"none" placeholder:"DIR[:SIZE]" group:"root" help:"A private empty writable directory (repeatable)."`

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

	UID  int      `short:"u" name:"uid" default:"0" placeholder:"N|NAME[:GROUP]" group:"power" help:"User inside (${default}): an id, or a name of the container's /etc/passwd; and a group, of its /etc/group."`
	User *string  // what --uid says, if it is not a plain number
	GID  *int     `name:"gid" placeholder:"N" group:"power" help:"Group id inside (the user id)."`
	Map  []string `sep:"none" placeholder:"INSIDE:HOST:COUNT|auto" group:"power" help:"Which ids of the host the container's are (repeatable); auto: a range that no other container has. Root: 0:10000:2000 and 65534:12000:1. Others: the own id as 0, and the ranges of /etc/subuid and /etc/subgid; or the own id alone, as --uid."`

	Caps    string   `placeholder:"docker" group:"power" help:"Start from another list of capabilities than the tutorial's: docker, Docker's fourteen, with which package managers work as root inside."`
	CapAdd  []string `placeholder:"CAP" group:"power" help:"Keep a capability, such as SYS_NICE, or ALL (repeatable)."`
	CapDrop []string `placeholder:"CAP" group:"power" help:"Drop a capability, or ALL (repeatable; --cap-add wins)."`
	Seccomp string   `default:"default" placeholder:"default|tutorial|none|FILE" group:"power" help:"System call filter: the tutorial's list with its holes closed (${default}), as published, none (which trusts the command with the terminal, too), or a file: an OCI or Docker profile in JSON, or a filter that seccomp compile wrote."`

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

// planFlags are the flags of plan.
type planFlags struct {
	runFlags
	Explain bool `group:"print" help:"Say why each call is made."`
	Chapter int  `placeholder:"N" group:"print" help:"Only the calls of the tutorial's step N, 7 to 16."`
	JSON    bool `name:"json" group:"print" help:"One JSON object for each call, in an array."`
}

// valueKind is how a flag's value is written, and the type of its field.
type valueKind uint8

const (
	isSet         valueKind = iota // bool
	isUnset                        // bool, of a flag --no-NAME
	isText                         // string
	isGiven                        // *string: nil if the flag was not given
	isList                         // []string
	isWords                        // []string: words with commas between them
	isNumber                       // int
	isGivenNumber                  // *int
	isNumbers                      // []int
	isOptional                     // *string: "" for the flag without a value
	isUser                         // a number, UID, or what is looked up later: User
)

// flagOwner is the command that has a flag.
type flagOwner uint8

const (
	ofAll  flagOwner = iota // run, and whoever takes run's flags
	ofPlan                  // plan only
)

// flagTable has a row for each flag: its long name, its letter, and where in runFlags, or
// in planFlags, the value goes.
var flagTable = [...]struct {
	name   string
	letter byte
	kind   valueKind
	field  uintptr
	owner  flagOwner
}{
	{"mount", 'm', isGiven, unsafe.Offsetof(runFlags{}.Mount), ofAll},
	{"add", 'a', isList, unsafe.Offsetof(runFlags{}.Add), ofAll},
	{"ro", 0, isSet, unsafe.Offsetof(runFlags{}.Ro), ofAll},
	{"tmpfs", 0, isList, unsafe.Offsetof(runFlags{}.Tmpfs), ofAll},
	{"command", 'c', isGiven, unsafe.Offsetof(runFlags{}.Command), ofAll},
	{"env", 'e', isList, unsafe.Offsetof(runFlags{}.Env), ofAll},
	{"env-file", 0, isList, unsafe.Offsetof(runFlags{}.EnvFile), ofAll},
	{"workdir", 'w', isText, unsafe.Offsetof(runFlags{}.Workdir), ofAll},
	{"pass-fd", 0, isNumbers, unsafe.Offsetof(runFlags{}.PassFD), ofAll},
	{"init", 0, isSet, unsafe.Offsetof(runFlags{}.Init), ofAll},
	{"no-init", 0, isUnset, unsafe.Offsetof(runFlags{}.Init), ofAll},
	{"timeout", 0, isText, unsafe.Offsetof(runFlags{}.Timeout), ofAll},
	{"stats", 0, isText, unsafe.Offsetof(runFlags{}.Stats), ofAll},
	{"status-fd", 0, isGivenNumber, unsafe.Offsetof(runFlags{}.StatusFD), ofAll},
	{"hostname", 0, isText, unsafe.Offsetof(runFlags{}.Hostname), ofAll},
	{"net", 0, isText, unsafe.Offsetof(runFlags{}.Net), ofAll},
	{"uid", 'u', isUser, unsafe.Offsetof(runFlags{}.UID), ofAll},
	{"gid", 0, isGivenNumber, unsafe.Offsetof(runFlags{}.GID), ofAll},
	{"map", 0, isList, unsafe.Offsetof(runFlags{}.Map), ofAll},
	{"caps", 0, isText, unsafe.Offsetof(runFlags{}.Caps), ofAll},
	{"cap-add", 0, isWords, unsafe.Offsetof(runFlags{}.CapAdd), ofAll},
	{"cap-drop", 0, isWords, unsafe.Offsetof(runFlags{}.CapDrop), ofAll},
	{"seccomp", 0, isText, unsafe.Offsetof(runFlags{}.Seccomp), ofAll},
	{"apparmor", 0, isGiven, unsafe.Offsetof(runFlags{}.AppArmor), ofAll},
	{"seccomp-strict-ints", 0, isSet, unsafe.Offsetof(runFlags{}.SeccompStrictInts), ofAll},
	{"seccomp-log", 0, isSet, unsafe.Offsetof(runFlags{}.SeccompLog), ofAll},
	{"memory", 0, isText, unsafe.Offsetof(runFlags{}.Memory), ofAll},
	{"swap", 0, isText, unsafe.Offsetof(runFlags{}.Swap), ofAll},
	{"pids", 0, isText, unsafe.Offsetof(runFlags{}.Pids), ofAll},
	{"cpu-weight", 0, isText, unsafe.Offsetof(runFlags{}.CPUWeight), ofAll},
	{"cpus", 0, isText, unsafe.Offsetof(runFlags{}.CPUs), ofAll},
	{"io-weight", 0, isText, unsafe.Offsetof(runFlags{}.IOWeight), ofAll},
	{"no-cgroup", 0, isSet, unsafe.Offsetof(runFlags{}.NoCgroup), ofAll},
	{"rlimit", 0, isList, unsafe.Offsetof(runFlags{}.Rlimit), ofAll},
	{"config", 0, isText, unsafe.Offsetof(runFlags{}.Config), ofAll},
	{"quiet", 'q', isSet, unsafe.Offsetof(runFlags{}.Quiet), ofAll},
	{"step", 0, isSet, unsafe.Offsetof(runFlags{}.Step), ofAll},
	{"debug", 'd', isSet, unsafe.Offsetof(runFlags{}.Debug), ofAll},

	{"explain", 0, isSet, unsafe.Offsetof(planFlags{}.Explain), ofPlan},
	{"chapter", 0, isNumber, unsafe.Offsetof(planFlags{}.Chapter), ofPlan},
	{"json", 0, isSet, unsafe.Offsetof(planFlags{}.JSON), ofPlan},
}

// defaultFlags are the flags' values where none is given.
func defaultFlags() runFlags {
	return runFlags{Workdir: "/", Init: true, Net: "none", Seccomp: "default"}
}
