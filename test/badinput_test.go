// Bad input: each wrong command line is refused before anything is made. The error names the flag,
// the value, and what would be right.
package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wrong is a wrong command line and its error.
type wrong struct {
	args   string // split at blanks; TREE, FILE, ADDED, CLOSED and LINK stand for paths, BLANK for ""
	says   string // texts that the error must contain, separated by |
	status int    // 0 stands for 125
}

var wrongLines = []wrong{
	// the command
	{"", "no command to run|tincan -- sh", 0},
	{"--", "no command to run", 0},
	{"run", "no command to run", 0},
	{"-m TREE", "no command to run", 0},
	{"-m TREE -- BLANK", "no command to run", 0},
	{"-m TREE -c BLANK", "-c, --command: an empty value", 0},
	{"-m TREE -c 'x", "-c|' is not closed", 0},
	{`-m TREE -c "x`, `-c|" is not closed`, 0},
	{`-m TREE -c x\`, "-c|backslash", 0},
	{"-m TREE -c ls -- true", "-c|there is also a COMMAND|give only one", 0},
	{"-m TREE -- nonesuch", "nonesuch: command not found in the container's PATH", 127},
	{"-m TREE plan -- sh", "plan: command not found in the container's PATH; tincan's own plan comes before all flags: tincan plan", 127},
	{"-m TREE -- /bin/nonesuch", "/bin/nonesuch: no such file in the container", 127},
	{"-m TREE -- ./nonesuch", "./nonesuch: no such file", 127},
	{"-m TREE --no-init -- nonesuch", "nonesuch: command not found", 127},
	{"-m TREE -- /etc", "/etc: is a directory", 126},
	{"-m TREE -- /etc/mine", "/etc/mine: the container's user|may not execute it: chmod +x", 126},
	{"-m TREE -- /etc/noshebang", "/etc/noshebang|#!|sh /etc/noshebang", 126},
	{"-m TREE -- /etc/nointerpreter", "/etc/nointerpreter exists, but the interpreter that it names does not: /nonesuch/sh|it does not exist on this host either", 126},
	{"-m TREE -a /bin/ls:/dyn -- /dyn", "/dyn exists, but the interpreter that it names does not: /lib|-a /lib", 126},
	{"-m TREE -- /etc/mine/x", "/etc/mine/x|ENOTDIR", 126},

	// flags
	{"--nonesuch -- true", "--nonesuch: no such flag|tincan run --help", 0},
	{"-z -- true", "-z: no such flag|--help", 0},
	{"-m", "-m, --mount: its value is missing: --mount=DIR", 0},

	// the root directory
	{"-m BLANK -- true", "-m, --mount: an empty value|leave the flag out", 0},
	{"--mount= -- true", "--mount: an empty value", 0},
	{"-m /nonesuch -- true", "-m /nonesuch|no such file", 0},
	{"-m FILE -- true", "-m FILE: not a directory", 0},
	{"-m / -- true", "-m /|leave -m out", 0},
	{"-m CLOSED -- true", "-m CLOSED|mode 0700|chmod o+x CLOSED", 0},
	{"-m LINK -- true", "-m LINK|no such file", 0},

	// added paths
	{"-m TREE -a /etc -- true", "-a /etc: the colon is missing|HOST:CONTAINER", 0},
	{"-m TREE -a :/x -- true", "-a :/x: the part before the colon is empty", 0},
	{"-m TREE -a /etc: -- true", "-a /etc::|the part after the colon is empty", 0},
	{"-m TREE -a /nonesuch:/x -- true", "-a /nonesuch:/x|no such file", 0},
	{"-m TREE -a /etc:x -- true", `-a /etc:x|"x"|begin with /`, 0},
	{"-m TREE -a /etc:/ -- true", "-a /etc:/|/, which -m chooses", 0},
	{"-m TREE -a /etc:/x/../y -- true", "-a /etc:/x/../y|`..` is not allowed", 0},
	{"-m TREE -a /etc:/x:rx -- true", `-a /etc:/x:rx|"rx"|only ro`, 0},
	{"-m TREE -a /etc:/x:ro:ro -- true", "-a /etc:/x:ro:ro|second colon", 0},
	{"-m TREE -a /etc:/dev -- true", "-a /etc:/dev|container's own", 0},
	{"-m TREE -a /etc:/proc -- true", "-a /etc:/proc|container's own", 0},
	{"-m TREE -a /etc:/proc/sys -- true", "-a /etc:/proc/sys|container's own", 0},
	{"-m TREE -a /etc:/sys/x -- true", "-a /etc:/sys/x|container's own", 0},
	{"-m TREE -a /etc:/loop/x -- true", "-a /etc:/loop/x|through symlinks|too many levels", 0},
	{"-m TREE -a /etc:/toproc/x -- true", "-a /etc:/toproc/x|leads to /proc/x|container's own", 0},
	{"-m TREE -a /etc:/etc/mine -- true", "/etc/mine|not a directory", 0},
	{"-m TREE -a FILE:/etc -- true", "/etc|is a directory|/etc/NAME", 0},
	{"-m TREE -a /etc:/etc/mine/x -- true", "/etc/mine in the container is not a directory", 0},
	{"-m TREE -a ADDED:/d -a /etc:/d/nonesuch -- true", "/d/nonesuch|nonesuch does not exist in ADDED", 0},
	{"-m TREE --ro -a /etc:/etc/new -- true", "/etc/new|read-only", 0},

	// tmpfs
	{"-m TREE --tmpfs=x -- true", `--tmpfs=x|"x"|begin with /`, 0},
	{"-m TREE --tmpfs=/x:y -- true", `--tmpfs=/x:y|"y" is not a size|512M`, 0},
	{"-m TREE --tmpfs=/x:0 -- true", "--tmpfs=/x:0|no limit", 0},
	{"-m TREE --tmpfs=/x:1M:z -- true", "--tmpfs=/x:1M:z|DIR:SIZE", 0},
	{"-m TREE --tmpfs=/ -- true", "--tmpfs=/|/, which -m chooses", 0},

	// ids
	{"-m TREE -u -1 -- true", "-u, --uid: its value is missing: --uid=N", 0},
	{"-m TREE -u x -- true", "-u", 0},
	{"-m TREE -u 2000 -- true", "--uid=2000|0 to 1999|--map", 0},
	{"-m TREE -u 99999999999 -- true", "99999999999", 0},
	{"-m TREE --gid=2000 -- true", "--gid=2000|0 to 1999|--map", 0},
	{"-m TREE --map=0:1 -- true", "--map=0:1|INSIDE:HOST:COUNT", 0},
	{"-m TREE --map=a:b:c -- true", "--map=a:b:c|INSIDE:HOST:COUNT", 0},
	{"-m TREE --map=0:0:0 -- true", "--map=0:0:0|count", 0},
	{"-m TREE --map=0:-1:5 -- true", "--map=0:-1:5", 0},
	{"-m TREE --map=0:4294967295:1 -- true", "--map=0:4294967295:1|4294967294", 0},
	{"-m TREE --map=0:10000:10 --map=5:20000:10 -- true", "--map=5:20000:10|overlaps", 0},

	// capabilities, filter, hostname, network
	{"-m TREE --cap-add=NONESUCH -- true", "--cap-add=NONESUCH|capabilities(7)", 0},
	{"-m TREE --cap-drop=CAP_ -- true", "--cap-drop=CAP_|no such capability", 0},
	{"-m TREE --seccomp=nonesuch -- true", "--seccomp=nonesuch|default", 0},
	{"-m TREE --seccomp=none --seccomp-log -- true", "--seccomp-log|no effect with --seccomp=none", 0},
	{"-m TREE --seccomp=none --seccomp-strict-ints -- true", "--seccomp-strict-ints|no effect with --seccomp=none", 0},
	{"-m TREE --hostname=a/b -- true", "--hostname=a/b|slash", 0},
	{"-m TREE --hostname=.. -- true", "--hostname=..", 0},
	{"-m TREE --hostname=LONG -- true", "--hostname=LONG|65 bytes|64", 0},
	{"-m TREE --hostname=cgroup.procs -- true", "--hostname=cgroup.procs|kernel", 0},
	{"-m TREE --net=some -- true", "--net|none|host", 0},

	// limits
	{"-m TREE --memory=x -- true", `--memory=x|"x" is not a size|512M`, 0},
	{"-m TREE --memory=-1 -- true", "--memory=-1|not a size", 0},
	{"-m TREE --memory=0 -- true", "--memory=0|max", 0},
	{"-m TREE --memory=99999999999G -- true", "--memory=99999999999G|8EiB", 0},
	{"-m TREE --memory=1.5 -- true", "--memory=1.5|not a size", 0},
	{"-m TREE --swap=1Q -- true", "--swap=1Q|not a size", 0},
	{"-m TREE --pids=0 -- true", "--pids=0|1 to 4194304", 0},
	{"-m TREE --pids=-5 -- true", "--pids=-5|1 to 4194304", 0},
	{"-m TREE --pids=1 -- true", "--pids|at least 2|--no-init|clone(", 0},
	{"-m TREE --cpu-weight=0 -- true", "--cpu-weight=0|1 to 10000", 0},
	{"-m TREE --cpu-weight=max -- true", "--cpu-weight=max|1 to 10000", 0},
	{"-m TREE --cpus=0 -- true", "--cpus=0|1.5", 0},
	{"-m TREE --cpus=NaN -- true", "--cpus=NaN", 0},
	{"-m TREE --io-weight=20000 -- true", "--io-weight=20000|1 to 10000", 0},
	{"-m TREE --no-cgroup --pids=5 -- true", "--pids=5|--no-cgroup", 0},
	{"-m TREE --rlimit=nofile -- true", "--rlimit=nofile|nofile=1024:4096", 0},
	{"-m TREE --rlimit=nonesuch=1 -- true", `--rlimit=nonesuch=1|"nonesuch"|sigpending`, 0},
	{"-m TREE --rlimit=nofile=-1 -- true", `--rlimit=nofile=-1|"-1"`, 0},
	{"-m TREE --rlimit=nofile=5:4 -- true", "--rlimit=nofile=5:4|soft limit 5 is above the hard limit 4", 0},
	{"-m TREE --rlimit=nofile=99999999999999999999 -- true", "--rlimit=nofile=99999999999999999999", 0},
	{"-m TREE --rlimit=nofile=max -- true", "prlimit64(|EPERM|ulimit -Ha", 0},

	// the rest
	{"-m TREE -w x -- true", "--workdir=x|would begin with /", 0},
	{"-m TREE -w /nonesuch -- true", "--workdir=/nonesuch is not a directory|ENOENT", 0},
	{"-m TREE -w /etc/mine -- true", "--workdir=/etc/mine is not a directory|ENOTDIR", 0},
	{"-m TREE -e =x -- true", "-e =x|NAME=VALUE", 0},
	{"-m TREE -e NONESUCH_VARIABLE -- true", "-e NONESUCH_VARIABLE|no such variable", 0},
	{"-m TREE --pass-fd=77 -- true", "--pass-fd=77|no open descriptor", 0},
	{"-m TREE --pass-fd=-1 -- true", "--pass-fd=-1", 0},
	{"-m TREE --timeout=x -- true", "--timeout=x|30s", 0},
	{"-m TREE --timeout=0 -- true", "--timeout=0|30s", 0},
	{"-m TREE --timeout=-1s -- true", "--timeout=-1s|30s", 0},
	{"-m TREE --stats=/nonesuch/f -- true", "--stats=/nonesuch/f|no such file", 0},
	{"-m TREE --stats=/tmp -- true", "--stats=/tmp|directory", 0},
	{"-m TREE --step -- true", "--step|terminal", 0},
	{"--status-fd=77 -m TREE -- true", "--status-fd=77: the caller has no open descriptor", 0},
	{"--caps=podman -m TREE -- true", "--caps=podman: there is no such list: choose docker, or tutorial", 0},
	{"-m TREE -u root -- true", "-u root|the container's /etc/passwd|no such file|or give the number", 0},
	{"-m TREE -u 1:2:3 -- true", "-u 1:2:3: not N, NAME, NAME:GROUP or N:GROUP", 0},
	{"-m TREE -u :1 -- true", "-u :1: not N, NAME", 0},
	{"-m TREE -u=1 -- true", "-u=1|-u 1, or -u1", 0},
	{"-m TREE -u 1:1 --gid=1 -- true", "-u 1:1: it contains a group, but --gid=1 is also given", 0},
	{"-m TREE --tmpfs=/x --tmpfs=/x/ -- true", "--tmpfs=/x and --tmpfs=/x/: both are mounted at /x", 0},
	{"-m TREE --init --no-init -- true", "--init and --no-init contradict each other: give only one of them", 0},
	{"-m TREE --memory=1G --memory=1G -- true", "--memory: the flag is given twice", 0},
	{"-m TREE --cwd=/ -- true", "--cwd: no such flag: --workdir=DIR", 0},
	{"-v", "-v: no such flag|-a HOST:CONTAINER|--version", 0},
	{"-m TREE --net -- true", "--net: its value is missing: --net=none|host", 0},
	{"help pods", "help pods: tincan has no such command; it has run, record, plan", 0},
	{"version 2", "version 2: tincan version has no arguments", 0},
	{"seccomp", "show|compile|eval", 0},
	{"seccomp show --arch=", "--arch: an empty value", 0},
	{"seccomp compile default", "--output", 0},
	{"seccomp eval default read x", `"x"|not a number`, 0},
	{"check it", "unexpected argument it|tincan check --help", 0},
	{"initramfs", "missing flags: --output", 0},
	{"initramfs -o BLANK", "-o, --output: an empty value", 0},
	{"plan -m TREE", "no command to run", 0},
	{"plan --chapter=3 -m TREE -- true", "--chapter=3|7 to 16", 0},
	{"plan -m /nonesuch -- true", "-m /nonesuch|no such file", 0},
}

// Lines of wrongLines that are right, or have another error, for a user or without a resource
// group.
const (
	rootsWrong  = "-m CLOSED -- true\n-m TREE -u 2000 -- true\n-m TREE --gid=2000 -- true\n"
	groupsWrong = "-m TREE --memory=0 -- true\n-m TREE --pids=1 -- true\n"
)

// TestBadInput tries wrongLines.
func TestBadInput(t *testing.T) {
	dir := tree(t)
	other := t.TempDir()
	closed, file, added := filepath.Join(other, "closed"), filepath.Join(other, "file"), filepath.Join(other, "added")
	mkdir(t, closed)
	os.Chmod(closed, 0o700)
	mkdir(t, added)
	write(t, file, "")
	link := filepath.Join(other, "link")
	os.Symlink("/nonesuch", link)
	os.Symlink("loop", filepath.Join(dir, "loop"))
	os.Symlink("/proc", filepath.Join(dir, "toproc"))
	for name, text := range map[string]string{"noshebang": "echo hello\n", "nointerpreter": "#!/nonesuch/sh -e\n"} {
		write(t, filepath.Join(dir, "etc", name), text)
		os.Chmod(filepath.Join(dir, "etc", name), 0o755)
	}
	noLeaks(t, dir, other)
	put := strings.NewReplacer("TREE", dir, "FILE", file, "ADDED", added, "CLOSED", closed, "LINK", link, "LONG", strings.Repeat("x", 65))
	for _, w := range wrongLines {
		var args []string
		for a := range strings.FieldsSeq(w.args) {
			args = append(args, strings.TrimSuffix(strings.ReplaceAll(put.Replace(a), "BLANK", "\x00"), "\x00"))
		}
		if w.status == 0 {
			w.status = 125
		}
		t.Run(w.args, func(t *testing.T) {
			if asUser != "" && (strings.Contains(rootsWrong, w.args+"\n") || !hasGroup() && strings.Contains(groupsWrong, w.args+"\n")) {
				notForUsers(t, "this line is right for users, or has another error")
			}
			wantFailure(t, tincan(t, args...), w.status, strings.Split(put.Replace(w.says), "|")...)
		})
	}
	if len(wrongLines) < 115 {
		t.Error("only", len(wrongLines), "lines")
	}
}

// wrongInLists has a wrong value for each flag that may be given more than once.
var wrongInLists = map[string]string{
	"add": "x", "tmpfs": "x", "env": "=x", "env-file": "/nonesuch", "pass-fd": "x", "map": "x", "cap-add": "x", "cap-drop": "x", "rlimit": "x",
}

// TestEachFlagWrong tries three wrong command lines for each flag in --help. The error must name
// the flag, and show how it is written.
func TestEachFlagWrong(t *testing.T) {
	if asUser == "" {
		needRoot(t)
	}
	noLeaks(t)
	lines := 0
	wrong := func(texts []string, args ...string) {
		t.Helper()
		lines++
		r := tincan(t, args...)
		wantFailure(t, r, 125, texts...)
		if t.Failed() {
			t.Fatalf("tincan %q", args)
		}
	}
	for _, command := range []string{"run", "plan", "record"} {
		help := ok(t, command, "--help")
		for line := range strings.Lines(help) {
			// "  -m, --mount=DIR   Root directory", "      --ro   Make", "      --[no-]init   Have"
			_, rest, is := strings.Cut(line, "--")
			if before, _, _ := strings.Cut(line, "--"); !is || strings.Trim(before, " -,abcdefghijklmnopqrstuvwxyz") != "" || len(before) > 7 {
				continue
			}
			word := strings.Fields(rest)[0]
			name, _, value := strings.Cut(strings.TrimPrefix(word, "[no-]"), "=")
			name, _, here := strings.Cut(name, "[") // --here[=ro]
			flag := "--" + name
			if name == "help" || name == "version" || command != "run" && strings.Contains(ok(t, "run", "--help"), " "+flag) {
				continue
			}
			at := []string{command, "--no-cgroup"}
			if name == "no-cgroup" {
				at = at[:1]
			}
			line := func(more ...string) []string { return append(append(append([]string{}, at...), more...), "--", "true") }
			switch {
			case here:
				wrong([]string{flag}, line(flag+"=")...)
				wrong([]string{flag}, line(flag+"=maybe")...)
				wrong([]string{flag, "no such flag"}, line("--no-"+name)...)
			case !value:
				wrong([]string{flag, "maybe"}, line(flag+"=maybe")...)
				wrong([]string{flag + "x", "no such flag", "--help"}, line(flag+"x")...)
				wrong([]string{"--not-" + name, "no such flag", "--help"}, line("--not-"+name)...)
			default:
				wrong([]string{flag, "an empty value; give one", flag + "=", "leave the flag out"}, line(flag+"=")...)
				wrong([]string{flag, "its value is missing", flag + "="}, line(flag)...)
				v, list := wrongInLists[name]
				if list {
					wrong([]string{v}, line(flag+"="+v)...)
				} else if name == "net" {
					wrong([]string{flag, "twice"}, line(flag+"=none", flag+"=none")...)
				} else if name == "chapter" || name == "gid" || name == "status-fd" {
					wrong([]string{flag, "twice"}, line(flag+"=8", flag+"=8")...)
				} else if name != "config" {
					wrong([]string{flag, "twice"}, line(flag+"=x", flag+"=x")...)
				} else {
					wrong([]string{flag, "/nonesuch", "no such file"}, line(flag+"=/nonesuch")...)
				}
			}
		}
	}
	t.Log(lines, "lines")
	if lines < 120 {
		t.Error("only", lines, "wrong command lines")
	}
}

// TestBadHost runs tincan on hosts without devices, with a wrong device, and with read-only
// directories.
func TestBadHost(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	const noDevices, wrongOne = "mount -t tmpfs none /dev", "mount -t tmpfs none /mnt; mknod /mnt/null c 1 5; mount --bind /mnt/null /dev/null"
	bare := []string{"-m", dir, "--", "sh", "-c", "echo ran; echo x >/dev/null && test -c /dev/zero"}
	if asUser == "" { // root's container gets new nodes, whatever the host has
		for _, host := range []string{noDevices, wrongOne} {
			if r := (job{before: inMountNS(t, host), args: bare}).run(t); r.status != 0 || r.out != "ran\n" {
				t.Errorf("%s: %v", host, r)
			}
		}
	}
	without := func(host string) []string { // for root without the capability to make them
		if asUser == "" {
			return append(inMountNS(t, host), "setpriv", "--bounding-set=-mknod")
		}
		return inMountNS(t, host)
	}
	refused(t, job{before: without(noDevices), args: bare}.run(t), "/dev/null", "ENOENT")
	refused(t, job{before: without(wrongOne), args: bare}.run(t), "/dev/null", "1:3")
	r := job{before: inMountNS(t, "for d in /run /dev/shm /tmp; do mount --bind $d $d; mount -o remount,bind,ro $d; done; mount -t tmpfs -o ro none /run; mount -t tmpfs -o ro none /dev/shm"), args: []string{"-m", dir, "--", "echo", "ran"}}.run(t)
	// Nobody can prevent another user's runs by taking these directories: tincan runs without them,
	// and says so.
	if r.status != 0 || r.out != "ran\n" || !strings.Contains(r.err, "mount a tmpfs on /run") {
		t.Errorf("without a directory for notes: %v", r)
	}
}
