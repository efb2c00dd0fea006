// The quick reader of run's command line: where it takes a line, it must agree with kong.
package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// parseWithKong returns the flags that kong reads from the words after run, or an error if kong
// refuses them.
func parseWithKong(t *testing.T, args []string) (f *runFlags, model *kong.Application, err error) {
	t.Helper()
	var c cli
	ended := false
	p, err := kong.New(&c, append(options(), kong.Exit(func(int) { ended = true }), kong.Writers(&strings.Builder{}, &strings.Builder{}))...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(append([]string{"run"}, args...))
	if ended && err == nil {
		err = errors.New("--help and --version end the program")
	}
	return &c.Run.runFlags, p.Model, err
}

// TestEveryFlagIsReadQuickly checks that the quick reader takes each of run's flags, by each of its
// names, and that its values and defaults are kong's.
func TestEveryFlagIsReadQuickly(t *testing.T) {
	want, model, err := parseWithKong(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := readFlags(nil); !reflect.DeepEqual(got, want) {
		t.Errorf("no flags: %+v\nkong: %+v", got, want)
	}
	n := 0
	for _, cmd := range model.Children {
		if cmd.Name != "run" {
			continue
		}
		for _, f := range cmd.Flags {
			names := []string{"--" + f.Name}
			if f.Short != 0 {
				names = append(names, "-"+string(f.Short))
			}
			if f.Tag.Negatable != "" {
				names = append(names, "--no-"+f.Name)
			}
			if f.Name == "config" {
				continue // kong reads the file at once, the quick reader does not
			}
			for _, name := range names {
				args := []string{name}
				if !f.IsBool() {
					args = append(args, "7")
					if f.Enum != "" {
						args[1], _, _ = strings.Cut(f.Enum, ",")
					}
				}
				got := readFlags(args)
				if got == nil {
					t.Errorf("the quick reader does not take %v: add it to flagTable in flags.go", args)
				}
				compareWithKong(t, args)
				n++
			}
		}
	}
	if n < 35 {
		t.Errorf("only %d names of flags were checked", n)
	}
}

// compareWithKong compares the two readers on a command line. It reports whether the quick reader
// took the line.
func compareWithKong(t *testing.T, args []string) bool {
	t.Helper()
	got := readFlags(args)
	if got == nil {
		return false
	}
	want, _, err := parseWithKong(t, args)
	if err != nil {
		t.Errorf("the quick reader takes %q, but kong says: %v", args, err)
	} else if len(got.Args)+len(want.Args) == 0 {
		got.Args, want.Args = nil, nil
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%q: %+v\nkong: %+v", args, got, want)
	}
	return true
}

// TestQuickReaderAgreesWithKong compares the two readers on random command lines.
func TestQuickReaderAgreesWithKong(t *testing.T) {
	words := []string{"--", "-", "", "-m", "--mount", "--mount=", "-m/srv", "--mount=/srv", "/srv", "-a", "--add=/a:/b:ro", "/a:/b", `/a\:b:/c,d`,
		"--ro", "--ro=true", "--ro=false", "--no-ro", "--tmpfs", "--tmpfs=/t:1M", "-c", "--command=ls -l 'a b'", "-e", "--env=A=B=C", "A=B", "-w", "--workdir=/tmp",
		"--pass-fd", "--pass-fd=5", "--pass-fd=5,6", "--pass-fd=05", "3", "08", "0x10", "1e3", "+5", "-5", "1_000", "9999999999", "--init", "--no-init", "--no-init=false", "--init=true",
		"--timeout", "--timeout=5s", "--stats=-", "--stats", "--hostname=box", "--hostname", "--net", "--net=none", "--net=host", "--net=other", "host", "none",
		"-u", "--uid=5", "-u5", "--gid", "--gid=7", "--gid=-1", "--map", "--map=0:1:2", "--cap-add=ALL", "--cap-add", "--cap-add=A,B", `--cap-drop=A\,B`, "--cap-drop", "ALL",
		"--seccomp", "--seccomp=none", "--seccomp-log", "--seccomp-strict-ints", "--memory=1G", "--memory", "--swap=0", "--pids=max", "--cpu-weight", "--cpus=1.5", "--io-weight=3",
		"--no-cgroup", "--rlimit", "--rlimit=nofile=5:6", "--step", "-d", "--debug", "-dm", "-md", "-d=true", "--help", "-h", "--version", "--unknown", "-x", "--apparmor=p", "--apparmor",
		"run", "plan", "check", "sh", "-c", "true", "a b", "${default}", "é", "=", "--=", "--m", "--m=5", "--u=5", "-", "---", "--mount==", "@file", "true", "1", "'", `"`}
	r := rand.New(rand.NewPCG(1, 2))
	taken := 0
	lines := 8000
	if testing.Short() { // make check, with -race: kong's parser is twenty times slower there
		lines = 800
	}
	for range lines {
		var args []string
		for range r.IntN(7) {
			args = append(args, words[r.IntN(len(words))])
		}
		if compareWithKong(t, args) {
			taken++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d of %d command lines were read quickly", taken, lines)
	if taken < lines/10 {
		t.Errorf("only %d of %d command lines were compared", taken, lines)
	}
}

// TestUsualLinesAreReadQuickly checks that the quick reader takes the command lines that people
// write.
func TestUsualLinesAreReadQuickly(t *testing.T) {
	for _, line := range []string{
		"-- sh", "sh -c x", "-m /srv -- /bin/true", "--memory=64M --timeout=10s -- ./untrusted --its=own -f", "-u 0 -m . -a /lib64:/lib64 -a /lib:/lib -c /bash",
		"--no-cgroup --net host -e A=B -e C --cap-add SYS_NICE --ro -w /tmp ls -la", "-d --step --no-init -- x",
	} {
		if args := strings.Fields(line); readFlags(args) == nil {
			t.Errorf("the quick reader does not take %s", line)
		} else {
			compareWithKong(t, args)
		}
	}
}

// TestCommandLines checks every spelling of a flag, for run and plan, and that all bytes are kept.
func TestCommandLines(t *testing.T) {
	const bytes = "a\xff\xfe\u00e4\U0010ff41b"
	for _, c := range []struct {
		line string
		want func(f *runFlags)
	}{
		{"-- sh", func(f *runFlags) { f.Args = []string{"sh"} }},
		{"-dm /srv -- x", func(f *runFlags) { f.Debug, f.Mount, f.Args = true, new("/srv"), []string{"x"} }},
		{"-dm/srv -qw/x", func(f *runFlags) { f.Debug, f.Mount, f.Quiet, f.Workdir = true, new("/srv"), true, "/x" }},
		{"-e A=" + bytes + " -eB=" + bytes + " --env=C=" + bytes + " -de D=" + bytes + " " + bytes, func(f *runFlags) {
			f.Env, f.Debug, f.Args = []string{"A=" + bytes, "B=" + bytes, "C=" + bytes, "D=" + bytes}, true, []string{bytes}
		}},
		{"-m" + bytes + " --workdir=" + bytes + " -- x", func(f *runFlags) { f.Mount, f.Workdir, f.Args = new(bytes), bytes, []string{"x"} }},
		{"-u joe:users --no-init --ro=false --stats -", func(f *runFlags) { f.User, f.Init, f.Stats = new("joe:users"), false, "-" }},
	} {
		want := defaultFlags()
		c.want(&want)
		for _, command := range []string{"run", "plan"} {
			p, err := parseArgs(append([]string{command}, strings.Split(c.line, " ")...))
			if err != nil {
				t.Errorf("%s %q: %v", command, c.line, err)
				continue
			}
			got := p.Run.runFlags
			if command == "plan" {
				got = p.Plan.runFlags
			}
			if len(got.Args) == 0 {
				got.Args = nil
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s %q: %+v\nwant %+v", command, c.line, got, want)
			}
		}
	}
}

// wantError checks that a command line gives an error with these texts, and that the quick reader,
// which runs before Go's runtime and cannot report errors, leaves the line to kong.
func wantError(t *testing.T, args []string, texts ...string) {
	t.Helper()
	if args[0] == "run" && readFlags(args[1:]) != nil {
		t.Errorf("the quick reader takes %q", args)
	}
	_, err := parseArgs(args)
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v\nwant %q", args, err, text)
		}
	}
}

// TestWrongFlags gives each flag of each command without a value, with an empty value, and twice.
func TestWrongFlags(t *testing.T) {
	_, model, err := parseWithKong(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, cmd := range model.Leaves(true) {
		at := strings.Fields(cmd.FullPath())[1:]
		for _, f := range cmd.Flags {
			flag := "--" + f.Name
			line := func(words ...string) []string {
				out := append(append([]string(nil), at...), words...)
				if cmd.Name == "compile" || cmd.Name == "eval" { // positional arguments and flags that the command requires
					out = append(out, "p")
				}
				if cmd.Name == "eval" {
					out = append(out, "read")
				}
				if (cmd.Name == "compile" || cmd.Name == "initramfs") && f.Name != "output" {
					out = append(out, "--output=x")
				}
				return out
			}
			if f.IsBool() || cmd.Name == "init" {
				continue
			}
			n++
			wantError(t, line(flag+"="), flag, "empty value", "leave the flag out")
			wantError(t, line(flag, ""), flag, "empty value")
			if f.Short != 0 {
				wantError(t, line("-"+string(f.Short), ""), "empty value")
			}
			if cmd.Name != "run" && cmd.Name != "plan" {
				continue
			}
			wantError(t, line(flag), flag, "value is missing", flag+"=")
			wantError(t, line(flag, "--", "true"), flag, "value is missing", flag+"=")
			if f.Short != 0 {
				wantError(t, line("-"+string(f.Short)+"=5"), "=5")
			}
			value := "7"
			if f.Enum != "" {
				value, _, _ = strings.Cut(f.Enum, ",")
			}
			if !f.IsSlice() && f.Name != "config" {
				wantError(t, line(flag+"="+value, flag, value), flag, "twice")
			}
		}
	}
	if n < 65 {
		t.Errorf("only %d flags", n)
	}
	wantError(t, []string{"run", "--init", "--no-init"}, "--init and --no-init contradict each other")
	wantError(t, []string{"run", "--gid=x"}, "--gid", `"x" is not a whole number`, "--gid=N")
	wantError(t, []string{"run", "--pass-fd=x"}, "--pass-fd", "not a whole number")
	wantError(t, []string{"run", "--net=x"}, "--net", "none", "host", `"x"`)
	wantError(t, []string{"run", "--net", "--", "true"}, "--net", "value is missing", "--net=none|host")
}

// TestUnknownFlags checks the errors for the flags of other tools, and for misspelt ones.
func TestUnknownFlags(t *testing.T) {
	for line, want := range map[string]string{
		"run --cwd=/x": "--cwd: no such flag: --workdir=DIR", "run -v": "-a HOST:CONTAINER", "run --volume=a": "-a HOST", "run --memori=5": "did you mean --memory=SIZE?",
		"run --tiemout=1": "--timeout=DURATION", "run --hotsname=x": "--hostname=NAME", "plan --explian": "--explain", "run --zzz": "see tincan run --help", "run -z": "-z: no such flag",
		"run --json": "--json: no such flag", "seccomp show --ach=x86": "did you mean --arch=ARCH?; see tincan seccomp show --help", "check --all": "--all: no such flag",
		"help x": "help x: tincan has no such command; it has run, record, plan", "version x": "tincan version has no arguments", "check x": "unexpected argument x",
		"seccomp": "show", "seccomp evil": "evil", "seccomp eval default": "<syscall>",
	} {
		wantError(t, strings.Fields(line), want)
	}
	if p, err := parseArgs([]string{"seccomp", "eval", "default", "openat", "-100", "--arch=x86_64"}); err != nil || p.Seccomp.Eval.Args[0] != "18446744073709551516" || p.Seccomp.Eval.Arch != "x86_64" {
		t.Errorf("%v, %+v", err, p)
	}
}

// TestConfig checks --config: flags of the file come first, those of the command line win, and the
// words after a file with a command are added to that command.
func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "box")
	put := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := func(line string, memory string, env []string, args ...string) {
		t.Helper()
		words := strings.Fields(strings.ReplaceAll(line, "FILE", file))
		if readFlags(words) != nil {
			t.Errorf("the quick reader takes %s", line)
		}
		p, err := parseArgs(append([]string{"run"}, words...))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		if f := p.Run; f.Memory != memory || !slices.Equal(f.Env, env) || !slices.Equal(f.Args, args) {
			t.Errorf("%s: %q %q %q", line, f.Memory, f.Env, f.Args)
		}
	}
	put("#!/usr/bin/env -S tincan --config\n\n# a box\n--memory=64M\r\n  -e  A=b c  \n--ro\n")
	want("--config FILE -- id", "64M", []string{"A=b c"}, "id")
	want("--config=FILE id -x", "64M", []string{"A=b c"}, "id", "-x")
	want("--memory=1G --config=FILE -e B=1 -- id", "1G", []string{"A=b c", "B=1"}, "id")
	want("--config=FILE --memory 2G -- id", "2G", []string{"A=b c"}, "id")
	put("--memory=64M\n--\n/bin/echo\na b\n")
	want("--config FILE", "64M", nil, "/bin/echo", "a b")
	want("--config FILE --memory=1G --zzz c", "64M", nil, "/bin/echo", "a b", "--memory=1G", "--zzz", "c")
	want("--config=FILE -- --x", "64M", nil, "/bin/echo", "a b", "--x")
	want("--memory=1G --config=FILE a", "1G", nil, "/bin/echo", "a b", "a")
	want("--memory=1G --config=FILE -- --x", "1G", nil, "/bin/echo", "a b", "--x")
	for text, texts := range map[string][]string{
		"--memory=64M\n\n--memori=1\n": {"line 3", "--memori", "did you mean --memory=SIZE"}, "memory=64M": {"line 1", "memory=64M: this is not a flag", "begin with a dash"},
		"--config=x": {"line 1", "cannot name another file of flags"}, "--ro yes": {"line 1", "--ro", "no value"}, "--timeout=": {"line 1", "--timeout", "empty value"},
		"--memory=1M\n--memory=2M": {"--memory", "twice"}, "--help": {"line 1", "--help"}, "-e A=\x00": {"line 1", "zero byte"}, "--init\n--no-init\n": {"contradict each other"},
	} {
		put(text)
		wantError(t, []string{"run", "--config", file, "--", "x"}, append(texts, "--config="+file)...)
	}
	wantError(t, []string{"run", "--config=/nonesuch", "x"}, "--config=/nonesuch", "no such file")
	wantError(t, []string{"run", "--config=/", "x"}, "--config=/", "not a regular file")
}
