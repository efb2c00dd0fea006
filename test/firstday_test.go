// What people do on their first day: lines of shell, with what they print and their status. Nothing
// may be left behind.
package test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// firstDay is a line of shell, run in a directory with the files that firstFiles makes. $T is
// tincan. The shell function tincan adds --no-cgroup for a user without a resource group.
type firstDay struct {
	name, line string
	status     int
	out        string // standard output without its last line break; with ~ before it, a part of that
	err        string // texts on standard error, separated by |; "" means that it is empty
	root       bool   // not for ordinary users
}

// firstDays are in groups; the numbers are those of a list of reports by first-time users.
var firstDays = []firstDay{
	// 1: the error must say that the file is missing, not its interpreter.
	{"a script in a private directory", `tincan -- "$PWD/script"`, 127, "", "/script: no such file in the container; /tmp is private in the container and empty there; add the file: -a |:/|--here", false},
	{"a program in a private directory", `tincan -- "$PWD/dynamic"`, 127, "", "/dynamic: no such file in the container|add the file: -a ", false},
	{"nothing in a private directory", `tincan -- /tmp/nonesuch`, 127, "", "/tmp/nonesuch: no such file in the container; /tmp is private", false},
	{"in a --tmpfs", `tincan --tmpfs=/mnt -- /mnt/script`, 127, "", "/mnt/script: no such file", false},
	{"a script of this directory", `tincan -- ./script`, 127, "", "./script: no such file in the container; it is in the current directory of the host|--here|-a ./script:/script -- /script", false},
	{"the advice", `tincan -a "$PWD/script:$PWD/script" -- "$PWD/script"`, 0, "hello", "", false},
	{"carriage returns", `tincan -a crlf:/tmp/crlf -- /tmp/crlf`, 126, "", `"/bin/sh\r" instead of /bin/sh|carriage returns`, false},
	{"an interpreter that is missing", `tincan -a noint:/tmp/noint -- /tmp/noint`, 126, "", "interpreter that it names does not: /nonesuch/sh", false},

	// 2: empty values. flags_test.go tests each flag.
	{"an unset variable", `tincan --timeout=$UNSET -- true`, 125, "", "--timeout: an empty value", false},
	{"an unset variable, apart", `tincan --memory "$UNSET" -- true`, 125, "", "--memory: an empty value", false},
	{"given twice", `tincan --timeout=1s --timeout=2s -- true`, 125, "", "--timeout: the flag is given twice", false},
	{"-m twice", `tincan -m / -m / -- true`, 125, "", "-m, --mount: the flag is given twice", false},

	// 5: the modes of a tmpfs, and two mounts in one place.
	{"modes", `tincan --tmpfs=/tmp:1M --tmpfs=/var/tmp --tmpfs=/dev/shm --tmpfs=/srv --tmpfs=/tmp/new -- stat -c %a /tmp /var/tmp /dev/shm /tmp/new`, 0, "1777\n1777\n1777\n755", "", false},
	{"two in one place", `tincan -a /etc:/tmp/x --tmpfs=/tmp/x/ -- true`, 125, "", "-a /etc:/tmp/x and --tmpfs=/tmp/x/: both are mounted at /tmp/x", false},

	// 6: the container's own network.
	{"port 80", `tincan -- python3 -c 'import socket; socket.socket().bind(("127.0.0.1", 80)); print("bound")'`, 0, "bound", "", false},
	{"port 80 as a user", `tincan -u 7 -- python3 -c 'import socket; socket.socket().bind(("127.0.0.1", 80)); print("bound")'`, 0, "bound", "", true},
	{"ping", `tincan -- python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); print("ping")'`, 0, "ping", "", false},
	{"the own name", `tincan --hostname=box -- python3 -c 'import socket; print(socket.gethostbyname(socket.gethostname()))'`, 0, "127.0.0.1", "", false},
	{"the own name, with the host's network", `tincan --net=host --hostname=box -- python3 -c 'import socket; print(socket.gethostbyname(socket.gethostname()))'`, 0, "127.0.0.1", "", false},
	{"no name of /etc/hosts is left in /dev", `tincan -- sh -c 'test -e /dev/hosts || echo none'`, 0, "none", "", false},
	{"one's own /etc/hosts", `echo 1.2.3.4 there >hosts; tincan -a hosts:/etc/hosts:ro -- cat /etc/hosts`, 0, "1.2.3.4 there", "", false},

	// 7: open files, and Docker's capabilities.
	{"open files", `tincan -- sh -c 'ulimit -n; ulimit -Hn'`, 0, "1024\n1024", "", false},
	{"few open files", `ulimit -n 60; tincan -- sh -c 'ulimit -n'`, 0, "60", "", false},
	{"docker's capabilities", `tincan --caps=docker -- grep CapBnd /proc/self/status`, 0, "CapBnd:\t00000000a80425fb", "", false},
	{"and one more", `tincan --caps=docker --cap-add=SYS_NICE --cap-drop=MKNOD -- grep CapBnd /proc/self/status`, 0, "CapBnd:\t00000000a08425fb", "", false},
	{"docker's root passes over modes", `tincan --caps=docker -- sh -c 'echo x >/tmp/x; chmod 0 /tmp/x; cat /tmp/x'`, 0, "x", "", false},
	{"the tutorial's does not", `tincan -- sh -c 'echo x >/tmp/x; chmod 0 /tmp/x; cat /tmp/x'`, 1, "", "Permission denied", false},
	{"set-id files", `tincan --seccomp=setid -- sh -c 'touch /tmp/x; chmod 6755 /tmp/x; stat -c %a /tmp/x'`, 0, "6755", "", true},
	{"no set-id files by default", `tincan -- sh -c 'touch /tmp/x; chmod 4755 /tmp/x'`, 1, "", "not permitted", false},
	{"set-id files of root's", `tincan --map=0:0:10 --seccomp=setid -- true`, 125, "", "--seccomp=setid: the container contains the id 0 of this host", true},
	{"the rest of the filter", `tincan --seccomp=setid -- unshare -U true`, 1, "", "not permitted", true},

	// 8: hosts and callers with few resources.
	{"too little memory", `tincan --memory=64K -- true`, 125, "", "--memory=64KiB is too small for the start", true},
	{"little address space", `ulimit -v 200000; tincan -- echo hello`, 0, "hello", "", false},
	{"little address space, with words", `ulimit -v 200000; tincan --memory=x -- true`, 125, "", "address space (ulimit -v) is 200000 KiB", false},
	{"a full disk: check", `tincan check >/dev/full`, 125, "", "no space left", true},
	{"a full disk: plan", `tincan plan -- true >/dev/full`, 125, "", "no space left", false},
	{"a full disk: version", `tincan version >/dev/full`, 125, "", "no space left", false},
	{"standard output is closed", `tincan -- sh -c 'echo hello' >&-`, 1, "", "I/O error", false},
	{"standard input is closed", `tincan -- cat <&-`, 1, "", "Bad file descriptor", false},
	{"tincan in tincan", `tincan -a "$T:/tincan" -- /tincan --no-cgroup -- true`, 125, "", "tincan runs inside a container of tincan", false},
	{"a wrong flag in tincan in tincan", `tincan -a "$T:/tincan" -- /tincan --memory=x -- true`, 125, "", "--memory=x", false},

	// 9: help and messages.
	{"help", `tincan help`, 0, "~Usage: tincan <command>", "", false},
	{"help of a command", `tincan help seccomp eval`, 0, "~Usage: tincan seccomp eval", "", false},
	{"help of no command", `tincan help pod`, 125, "", "help pod: tincan has no such command", false},
	{"version", `tincan version`, 0, "~tincan 0", "", false},
	{"a slip", `tincan runn -- sh`, 127, "", "runn: command not found|did you mean tincan run?", false},
	{"no slip", `tincan zebra`, 127, "", "zebra: command not found in the container's PATH", false},
	{"propagation", `tincan plan -- true | grep -c '???'`, 1, "0", "", false},
	{"the steps agree", `tincan -- nonesuch >a 2>b; tincan plan -- nonesuch >c 2>d; sed -n 's/.*step [0-9]* of \([0-9]*\):.*/\1/p' b >a; sed -n '$s/ *\([0-9]*\) .*/\1/p' c >b; cmp a b && echo same`, 0, "same", "", false},

	// Files, users, and watchers.
	{"variables from a file", `tincan --env-file=vars -e TWO=x -- sh -c 'echo "$ONE|$TWO|$THREE"'`, 0, "a b=c|x|", "", false},
	{"a variable that is not there", `echo NONESUCH_VARIABLE >v; tincan --env-file=v -- true`, 125, "", "--env-file=v, line 1: NONESUCH_VARIABLE|no such variable", false},
	{"no file", `tincan --env-file=nonesuch -- true`, 125, "", "--env-file=nonesuch|no such file", false},
	{"a FIFO", `mkfifo f; tincan --env-file=f -- true`, 125, "", "--env-file=f: not a regular file", false},
	{"a box as a script", `./box a --b`, 0, "box\n/bin/echo a --b", "", false},
	{"a box and a flag", `"$T" --no-cgroup --hostname=other --config=box -- a`, 0, "other\n/bin/echo a", "", false},
	{"a user by name", `tincan -u nobody -- id -u`, 0, "65534", "", true},
	{"user and group", `tincan -u daemon:mail -- sh -c 'id -u; id -g'`, 0, "1\n8", "", true},
	{"number and group", `tincan -u 7:daemon -- sh -c 'id -u; id -g'`, 0, "7\n1", "", true},
	{"root by name", `tincan -u root -- id -u`, 0, "0", "", false},
	{"no such user", `tincan -u deamon -- id -u`, 125, "", "-u deamon: there is no user deamon in the container's /etc/passwd: did you mean daemon?", false},
	{"quiet", `tincan -q --timeout=0.2s -- sleep 9`, 124, "", "", false},
	{"not quiet", `tincan --timeout=0.2s -- sleep 9`, 124, "", "ended after --timeout=0.2s", false},
	{"quiet, and wrong", `tincan -q --timeout=x -- sleep 9`, 125, "", "--timeout=x", false},
	{"watched", `tincan --status-fd=3 -- sh -c 'exit 3' 3>&1 | sed 's/[0-9][0-9]*,"group.*}/N}/'`, 0, `{"event":"started","pid":N}` + "\n" + `{"event":"ended","status":3,"timed_out":false}`, "", false},
	{"watched: killed", `tincan --status-fd=3 -- sh -c 'kill -9 $$' 3>&1 | tail -1`, 0, `{"event":"ended","status":137,"signal":"SIGKILL","timed_out":false}`, "", false},
	{"watched, and not started", `tincan --status-fd=3 --memory=x -- true 3>&1`, 125, "", "--memory=x", false},
	{"watched by nobody", `tincan --status-fd=9 -- true`, 125, "", "--status-fd=9|no open descriptor", false},
	{"watched through what cannot be written", `tincan --status-fd=3 -- true 3</dev/null`, 125, "", "--status-fd=3: this descriptor is open for reading only|--status-fd=3 3>FILE", false},
	{"the watcher's descriptor", `tincan --status-fd=3 -- sh -c 'echo x >&3' 3>&1 >/dev/null | grep -c x`, 1, "0", "Bad file descriptor", false},

	// The public reports (R1 to R18) that are not covered above.
	{"R1: stopped", `tincan --timeout=1s -- sh -c 'kill -STOP $$' </dev/null`, 124, "", "ended after", false},
	{"R1: stopped and continued in a loop", `timeout 20 "$T" $X --timeout=1s -- sh -c 'P=$$; (while kill -STOP $P; do kill -CONT $P; done) 2>/dev/null & while :; do :; done' </dev/null`, 124, "", "ended after", false},
	{"R1: likewise without an init", `timeout 20 "$T" $X --no-init --timeout=1s -- sh -c '(while kill -CONT 1; do :; done) 2>/dev/null & while :; do kill -TSTP $$; done' </dev/null`, 124, "", "ended after", false},
	{"R1: a stopped command is continued", `"$T" $X -- sh -c 'kill -STOP $$; echo on' </dev/null & sleep 1; kill -CONT $!; wait $!`, 0, "on", "", false},
	{"R7: hardly any open files", `ulimit -n 32; tincan -- sh -c 'ulimit -n'`, 0, "32", "", false},
	{"R7: too few open files", `ulimit -n 12; tincan -- true`, 125, "", "EMFILE|ulimit -n", false},
	{"advice that works", `tincan -a data -- true`, 125, "", "-a data: the colon is missing|for instance -a data:/data", false},
	{"R2: a profile without exit", `tincan --seccomp=noexit.json -- true`, 125, "", "exit_group|allow them", false},
	{"R8: SIGSYS", `tincan --seccomp=kill.json -- python3 -c 'import os; os.getppid()'`, 159, "", "SIGSYS: the seccomp filter killed a program", false},
	{"R16: a profile without execve", `tincan --seccomp=noexec.json -- true`, 125, "", "execve|only be installed by the command itself", false},
	{"R18: negative numbers", `tincan seccomp eval default openat -100`, 0, "ALLOW", "", false},
}

// firstFiles makes the files that the lines use.
func firstFiles(t *testing.T, dir string) {
	t.Helper()
	profile := func(otherwise, calls, action string) string {
		return `{"defaultAction": "SCMP_ACT_` + otherwise + `", "syscalls": [{"names": ["` + calls + `"], "action": "SCMP_ACT_` + action + `"}]}`
	}
	for name, text := range map[string]string{
		"script": "#!/bin/sh\necho hello\n", "crlf": "#!/bin/sh\r\necho hello\r\n", "noint": "#!/nonesuch/sh\n",
		"vars":        "# a comment\n\nONE=a b=c\r\nTWO=2\n",
		"box":         "#!/usr/bin/env -S " + tincanBin + " --config\n# a box\n--hostname=box\n--no-cgroup\n--\nsh\n-c\nhostname; echo \"$0\" \"$@\"\n/bin/echo\n",
		"noexit.json": profile("ALLOW", "exit_group", "ERRNO"), "noexec.json": profile("ALLOW", "execve", "ERRNO"), "kill.json": profile("ALLOW", "getppid", "KILL_PROCESS"),
	} {
		write(t, filepath.Join(dir, name), text)
		os.Chmod(filepath.Join(dir, name), 0o755)
	}
	copyFile(t, "/bin/ls", filepath.Join(dir, "dynamic"))
}

// firstShell is put before each line.
const firstShell = `tincan() {
	case "$1" in
	check|seccomp|help|version) "$T" "$@" ;;
	run|plan|record) c=$1; shift; "$T" $c $X "$@" ;;
	*) "$T" $X "$@" ;;
	esac
}
unset UNSET
`

// TestFirstDay runs the lines.
func TestFirstDay(t *testing.T) {
	if asUser == "" {
		needRoot(t)
	}
	needProgram(t, "python3")
	dir := publicDir(t, 0o755)
	firstFiles(t, dir)
	noLeaks(t)
	extra := "X="
	if !hasGroup() {
		extra = "X=--no-cgroup"
	}
	if len(firstDays) < 60 {
		t.Error("only", len(firstDays), "lines")
	}
	for _, f := range firstDays {
		t.Run(f.name, func(t *testing.T) {
			if f.root {
				notForUsers(t, "this line is for root, or users get another error")
			}
			if os.Getenv("TINCAN_TEST_PLAIN") != "" && (strings.Contains(f.line, "ulimit -v") || strings.Contains(f.line, "&-")) {
				t.Skip("the plain program begins with Go's runtime, which reserves more address space, and opens /dev/null for closed descriptors")
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, "sh", "-c", firstShell+f.line)
			var out, errs bytes.Buffer
			c.Stdout, c.Stderr, c.Dir, c.WaitDelay = &out, &errs, dir, 10*time.Second
			c.Env = append(os.Environ(), "T="+tincanBin, extra)
			var r result
			if err := r.setStatus(c.Run()); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
				t.Fatal(err)
			}
			r.out, r.err = strings.TrimSuffix(out.String(), "\n"), errs.String()
			if part, is := strings.CutPrefix(f.out, "~"); r.status != f.status || is && !strings.Contains(r.out, part) || !is && r.out != f.out {
				t.Errorf("%s\n%v\nwant status %d and %q", f.line, r, f.status, f.out)
			}
			for text := range strings.SplitSeq(f.err, "|") {
				if !strings.Contains(r.err, text) || f.err == "" && r.err != "" {
					t.Errorf("%s\nstderr: %s\nwant %q", f.line, r.err, f.err)
				}
			}
		})
	}
}
