// Advice: what an error message says to do, done. Each line fails, says what to do, and works when
// that is done.
package test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// advised is a line of shell that fails, texts of its message, and the line of shell that follows
// the message's advice. $T is tincan, $D a directory with what adviceFiles makes. No line needs a
// resource group.
type advised struct {
	name, fails, says, works string
	root                     bool // not for an ordinary user
}

var advice = []advised{
	// The command's file.
	{"a program without its loader", `tincan -m $D/tree -- /dyn`, "/dyn exists, but the interpreter that it names does not: /lib|add it, for instance -a /lib", `tincan -m $D/tree $(advised) -- /dyn`, false},
	{"in PATH", `tincan -m $D/tree -- dyn`, "/bin/dyn exists, but the interpreter that it names does not: /lib|add it, for instance -a /lib", `tincan -m $D/tree $(advised) -- dyn`, false},
	{"the interpreter's interpreter", `tincan -m $D/tree -a $D/bin:$D/bin -- /script`, "/dyn exists, but the interpreter that it names does not: /lib|add it, for instance -a /lib", `tincan -m $D/tree -a $D/bin:$D/bin $(advised) -- /script`, false},
	{"a script without a #! line", `tincan -m $D/tree -- /plain`, "/plain: is neither a program nor a script with a #! line|sh /plain", `tincan -m $D/tree -- sh /plain`, false},
	{"a program of another machine", `tincan -m $D/tree -- /foreign`, "/foreign: is a program for another kind of processor than this machine's", ``, false},
	{"an empty program", `tincan -m $D/tree -- /empty`, "/empty: is an empty file", ``, false},
	{"a program that is being written", `(exec "$T" --no-cgroup -m $D/tree -- /own/true) 9>>$D/tree/own/true`, "ETXTBSY|a program on this host has /own/true open for writing", `tincan -m $D/tree -- /own/true`, false},
	{"an interpreter that is nowhere", `tincan -m $D/tree -- /noint`, "interpreter that it names does not: /nonesuch/sh|it does not exist on this host either", ``, false},

	// Places.
	{"--workdir in a private directory", `tincan -w $D -- true`, "is private in the container and empty there; add the directory: -a |--here", `tincan -a $D:$D -w $D -- ls bin/dyn && cd $D && tincan --here=ro -- ls bin/dyn`, false},
	{"a symlink where the container has a directory", `tincan -m $D/linked -- true`, "/linked/tmp must be a directory, because the container has its own /tmp there, but it is a symlink to etc", `sh -c "$(commands)" && tincan -m $D/linked -- true`, false},
	{"a file where the container has a directory", `tincan -m $D/filed -- true`, "/filed/proc must be a directory, because the container has its own /proc there, but it is not", `sh -c "$(commands)" && tincan -m $D/filed -- true`, false},
	{"a place that is not there", `tincan -m $D/tree -a $D/bin:/d -a $D/bin:/d/new -- true`, "new does not exist in |make it first (mkdir -p ", `sh -c "$(commands)" && tincan -m $D/tree -a $D/bin:/d -a $D/bin:/d/new -- true`, false},
	{"a file that is not there", `tincan -m $D/tree -a $D/bin:/d -a $D/bin/dyn:/d/newfile -- true`, "newfile does not exist in |make it first (touch ", `sh -c "$(commands)" && tincan -m $D/tree -a $D/bin:/d -a $D/bin/dyn:/d/newfile -- true`, false},
	{"a place in a directory that is read-only", `tincan -a $D/bin:/usr/new/place -- true`, "/usr/new/place does not exist in the container and cannot be made, because /usr is read-only there|--ephemeral", `tincan --ephemeral -a $D/bin:/usr/new/place -- ls /usr/new/place/dyn`, true},
	{"--ro", `tincan --ro -m $D/tree -a $D/bin:/etc/new -- true`, "/etc/new does not exist in the container and cannot be made, because /etc is read-only there|leave --ro out", `tincan -m $D/tree -a $D/bin:/etc/new -- true`, false},
	{"nothing after the colon", `tincan -a $D/bin: -- true`, "bin:: the part after the colon is empty: write HOST:CONTAINER, for instance -a ", `tincan $(sed -n 's/.*for instance //p' $D/said) -- true`, false},
	{"a directory that the container's user may not enter", `tincan -m $D/closed -- /bin/true`, "may not enter it: chmod o+x ", `sh -c "$(sed -n 's/.*may not enter it: \(.*\) (or.*/\1/p' $D/said)" && tincan -m $D/closed -- /bin/true`, true},

	// Ids.
	{"an id that the map lacks", `tincan -u 2000 -- true`, "--uid=2000: the container has only the ids 0 to 1999, 65534|--map=auto", `tincan -u 2000 --map=auto -- true`, true},
	{"an id above what --map=auto has", `tincan -u 70000 -- true`, "--uid=70000|for instance with --map=", `tincan -u 70000 $(sed -n 's/.*for instance with //p' $D/said) -- true`, true},

	// Limits.
	{"the command's open files", `tincan --rlimit=nofile=3 -- true`, "EMFILE|the command may have only 3 open files|allow at least 16", `tincan --rlimit=nofile=16 -- true`, false},
	{"the caller's size of files", `(ulimit -f 0; tincan -- true) 2>&1 | cat >&2; exit 125`, "EFBIG|ulimit -f|--rlimit=fsize=SIZE", `tincan --rlimit=fsize=0 -- true`, false},
	{"the caller's processes", `prlimit --nproc=1 --pid=$$; exec "$T" --no-cgroup -- true`, "the limit of processes is reached: the caller's own (see `ulimit -u`)", `tincan -- true`, true},

	// Filters.
	{"a profile that kills", `tincan --seccomp=$D/kill.json -- python3 -c 'import os; os.getppid()'`, "tincan record --diff=FILE -- COMMAND shows the calls", `"$T" record --no-cgroup --diff=$D/kill.json -- python3 -c 'import os; os.getppid()' 2>&1 | grep -q 'does not allow getppid'`, false},

	// Lines of a file.
	{"a flag of a file", `printf '# a box\n--memory=x\n' >$D/box; "$T" --config=$D/box -- true`, "--memory=x|this flag is from --config=|/box, line 2", `sed -i 2d $D/box; tincan --config=$D/box -- true`, false},
}

// adviceFiles makes what the lines use.
func adviceFiles(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"tree", "linked", "filed", "closed"} {
		fillTree(t, filepath.Join(dir, name))
	}
	mkdir(t, filepath.Join(dir, "bin"))
	copyFile(t, "/bin/ls", filepath.Join(dir, "bin/dyn"))
	tree := filepath.Join(dir, "tree")
	copyFile(t, "/bin/ls", filepath.Join(tree, "dyn"))
	copyFile(t, "/bin/ls", filepath.Join(tree, "bin/dyn"))
	mkdir(t, filepath.Join(tree, "own"))
	copyFile(t, "/bin/busybox", filepath.Join(tree, "own/true"))
	for name, text := range map[string]string{
		"tree/script": "#!" + dir + "/bin/dyn\n", "tree/plain": "exit 0\n", "tree/empty": "", "tree/noint": "#!/nonesuch/sh\n",
		"tree/foreign": "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xff\xff" + strings.Repeat("\x00", 100), "filed/proc": "",
		"kill.json": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_KILL_PROCESS"}]}`,
	} {
		write(t, filepath.Join(dir, name), text)
		os.Chmod(filepath.Join(dir, name), 0o755)
	}
	os.Symlink("etc", filepath.Join(dir, "linked/tmp"))
	os.Chmod(filepath.Join(dir, "closed"), 0o700)
}

// adviceShell has the function tincan, advised, which prints the flags -a of the last message, and
// commands, which prints the commands in its parentheses.
const adviceShell = `tincan() { "$T" --no-cgroup "$@"; }
advised() { sed -n 's/.*for instance \(-a .*\)/\1/p' "$D/said"; }
commands() { sed -n 's/.*(\([a-z]* [^)]*\)).*/\1/p' "$D/said"; }
`

func TestAdvice(t *testing.T) {
	if asUser == "" {
		needRoot(t)
	}
	needProgram(t, "python3")
	needProgram(t, "prlimit")
	for _, a := range advice {
		t.Run(a.name, func(t *testing.T) {
			if a.root {
				notForUsers(t, "what only root can have, or another error")
			}
			dir := t.TempDir()
			os.Chmod(filepath.Dir(dir), 0o755)
			os.Chmod(dir, 0o755)
			adviceFiles(t, dir)
			noLeaks(t)
			status, out := adviceLine(t, dir, a.fails)
			if status == 0 {
				t.Fatalf("%s: it works", a.fails)
			}
			for text := range strings.SplitSeq(a.says, "|") {
				if !strings.Contains(out, text) {
					t.Errorf("%s\n%s\nwant %q", a.fails, out, text)
				}
			}
			write(t, filepath.Join(dir, "said"), out)
			if a.works == "" {
				return
			}
			if status, after := adviceLine(t, dir, a.works); status != 0 {
				t.Errorf("%s\n%s\nand after the advice: %s\nstatus %d: %s", a.fails, out, a.works, status, after)
			}
		})
	}
}

// adviceLine runs a line of shell, and returns its status and what it wrote to standard error.
func adviceLine(t *testing.T, dir, line string) (status int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", adviceShell+line)
	var errs bytes.Buffer
	c.Stderr, c.WaitDelay = &errs, 10*time.Second
	c.Env = append(os.Environ(), "T="+tincanBin, "D="+dir)
	var r result
	if err := r.setStatus(c.Run()); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return r.status, errs.String()
}
