// The quick reading of run's command line is kong's, or none.
package main

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// kongs is what kong makes of the words behind run; an error is that it takes them not.
func kongs(t *testing.T, args []string) (f *runFlags, model *kong.Application, err error) {
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

// TestEveryFlagIsReadQuickly: each of run's flags, by each of its names, sets the field
// that kong sets, to what kong sets it to; and the defaults are kong's.
func TestEveryFlagIsReadQuickly(t *testing.T) {
	want, model, err := kongs(t, nil)
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
					t.Errorf("%v is left to kong: it belongs into flagTable, in flags.go", args)
				}
				check(t, args)
				n++
			}
		}
	}
	if n < 35 {
		t.Errorf("only %d names of flags", n)
	}
}

// check compares the two on a command line, and tells whether there was something to compare.
func check(t *testing.T, args []string) bool {
	t.Helper()
	got := readFlags(args)
	if got == nil {
		return false
	}
	want, _, err := kongs(t, args)
	if err != nil {
		t.Errorf("%q: taken, and kong says: %v", args, err)
	} else if len(got.Args)+len(want.Args) == 0 {
		got.Args, want.Args = nil, nil
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%q: %+v\nkong: %+v", args, got, want)
	}
	return true
}

func TestQuickIsKongs(t *testing.T) {
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
		if check(t, args) {
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

// TestUsualLinesAreReadQuickly: what people write.
func TestUsualLinesAreReadQuickly(t *testing.T) {
	for _, line := range []string{
		"-- sh", "sh -c x", "-m /srv -- /bin/true", "--memory=64M --timeout=10s -- ./untrusted --its=own -f", "-u 0 -m . -a /lib64:/lib64 -a /lib:/lib -c /bash",
		"--no-cgroup --net host -e A=B -e C --cap-add SYS_NICE --ro -w /tmp ls -la", "-d --step --no-init -- x",
	} {
		if args := strings.Fields(line); readFlags(args) == nil {
			t.Errorf("%s: left to kong", line)
		} else {
			check(t, args)
		}
	}
}

// TestCommandIsBytes: what is not UTF-8 reaches the command as it is, also by way of kong.
func TestCommandIsBytes(t *testing.T) {
	const word = "a\xff\xfeb"
	if f := readFlags([]string{"-e", "A=" + word, "--", word}); f == nil || f.Args[0] != word || f.Env[0] != "A="+word {
		t.Errorf("quickly: %+v", f)
	}
	f, _, err := kongs(t, []string{"-dm", "/", "--", word})
	if err == nil {
		err = f.unchanged([]string{"run", "-dm", "/", "--", word})
	}
	if err != nil || f.Args[0] != word {
		t.Errorf("kong: %q, %v", f.Args, err)
	}
	f, _, _ = kongs(t, []string{"-de", "A=" + word, "--", "x"})
	if err := f.unchanged([]string{"run", "-de", "A=" + word, "--", "x"}); err == nil {
		t.Errorf("kong: %q was changed, and nobody says so", f.Env)
	}
}
