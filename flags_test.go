// Command lines: what they mean, and what is said of wrong ones.
package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// quick is what readFlags makes of the words.
func quick(args []string) (*runFlags, error) { return readFlags(args, ofAll) }

// TestFlagsAreDocumented: the table that the reader goes by has the flags of --help, with
// their letters, the fields that the names stand for, and the defaults.
func TestFlagsAreDocumented(t *testing.T) {
	if len(flagTable) > 64 {
		t.Errorf("%d flags, and flagReader.seen has 64 bits", len(flagTable))
	}
	defaults := defaultFlags()
	have := map[string]bool{}
	for _, o := range optionsOf(reflect.ValueOf(&planFlags{runFlags: defaults}).Elem()) {
		if o.is("passthrough") {
			continue
		}
		have[o.name] = true
		row := rowNamed(o.name)
		if row < 0 {
			t.Errorf("--%s: --help has it, and flagTable does not", o.name)
			continue
		}
		letter := ""
		if l := flagTable[row].letter; l != 0 {
			letter = string(l)
		}
		if letter != o.tag.Get("short") {
			t.Errorf("--%s: letter %q in flagTable, %q in --help", o.name, letter, o.tag.Get("short"))
		}
		if standard := o.tag.Get("default"); standard != "" && standard != fmt.Sprint(o.Value) {
			t.Errorf("--%s: the default is %v, and --help says %q", o.name, o.Value, standard)
		}
		if o.tag.Get("group") == "" || !o.isBool() && o.tag.Get("placeholder") == "" {
			t.Errorf("--%s: no group, or no placeholder", o.name)
		}
		if o.is("negatable") {
			have["no-"+o.name] = true
		}
		// The field that the reader sets is the one with the tag.
		var f planFlags
		field := optionsOf(reflect.ValueOf(&f).Elem())
		at := field[slices.IndexFunc(field, func(p option) bool { return p.name == o.name })].Addr().Pointer()
		if at-reflect.ValueOf(&f).Pointer() != flagTable[row].field {
			t.Errorf("--%s: flagTable has another field", o.name)
		}
	}
	for _, row := range flagTable {
		if !have[row.name] {
			t.Errorf("--%s: flagTable has it, and --help does not", row.name)
		}
	}
}

// TestSubcommands: the flags and words of the other commands.
func TestSubcommands(t *testing.T) {
	for line, want := range map[string]string{
		"seccomp show --arch": "--arch: its value is missing: --arch=ARCH", "seccomp show --arch=": "--arch: an empty value", "seccomp show --arch= x": "--arch: an empty value",
		"seccomp show --arch=x86 --arch=arm": "--arch arm: the flag is given twice", "seccomp show --ach=x86": "--ach: no such flag; did you mean --arch? See tincan seccomp show --help",
		"seccomp show a b": "b is too much: tincan seccomp show [PROFILE] [FLAGS]", "seccomp show --seccomp-strict-ints=x": "has no value", "seccomp show -z": "-z: no such flag",
		"seccomp": "what of it? tincan seccomp show, compile, eval", "seccomp evil": "seccomp evil: no such command: tincan seccomp show, compile, eval",
		"seccomp eval": "PROFILE is missing: tincan seccomp eval PROFILE SYSCALL [ARG...] [FLAGS]", "seccomp eval default": "SYSCALL is missing", "seccomp compile default": "--output=FILE is missing",
		"seccomp compile -o x -o y": "-o y: the flag is given twice", "initramfs --add=": "--add: an empty value", "initramfs -o": "-o: its value is missing", "initramfs --add=a:b": "--output=FILE is missing",
		"check x": "x is too much: tincan check", "check --all": "--all: no such flag", "init": "no machine's PID 1", "init --poweroff=": "--poweroff: an empty value",
	} {
		var out strings.Builder
		if err := runOwn(subcommands(), strings.Fields(line), &out); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%s: %v\nwant %q\n%s", line, err, want, out.String())
		}
	}
	var show seccompShow
	c := subcommand{"x", "", &show, nil}
	if err := c.read([]string{"file", "--caps=A,B", "--caps", "C", "--arch=x86"}); err != nil || show.Profile != "file" || !slices.Equal(show.Caps, []string{"A", "B", "C"}) || show.Arch != "x86" {
		t.Errorf("%+v, %v", show, err)
	}
	var eval seccompEval
	c = subcommand{"x", "", &eval, nil}
	if err := c.read([]string{"default", "openat", "-100", "--arch=x86", "-1"}); err != nil || !slices.Equal(eval.Args, []string{"-100", "-1"}) {
		t.Errorf("%+v, %v", eval, err)
	}
}

// TestHelp: of each command, and no line is too long.
func TestHelp(t *testing.T) {
	all := subcommands()
	for _, c := range all {
		var out strings.Builder
		if err := runOwn(all, append(strings.Fields(c.name), "--help"), &out); err != nil || !strings.HasPrefix(out.String(), "Usage: tincan "+c.name) {
			t.Errorf("%s: %v\n%s", c.name, err, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > helpWidth+5 && !strings.HasPrefix(line, "  ") || strings.Contains(line, "${") {
				t.Errorf("%s: %q", c.name, line)
			}
		}
	}
	var out strings.Builder
	if err := runOwn(all, []string{"--help"}, &out); err != nil || strings.Count(out.String(), "\n  ") < len(all) {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestCommandLines: every spelling of a flag, and what becomes of the words behind.
func TestCommandLines(t *testing.T) {
	const bytes = "a\xff\xfeb"
	for _, c := range []struct {
		line string
		want func(f *runFlags)
	}{
		{"-- sh", func(f *runFlags) { f.Args = []string{"sh"} }},
		{"sh -c x", func(f *runFlags) { f.Args = []string{"sh", "-c", "x"} }},
		{"-dm /srv -- x", func(f *runFlags) { f.Debug, f.Mount, f.Args = true, new("/srv"), []string{"x"} }},
		{"-dm/srv -qw/x", func(f *runFlags) { f.Debug, f.Mount, f.Quiet, f.Workdir = true, new("/srv"), true, "/x" }},
		{"--memory=64M --timeout 10s -- ./untrusted --its=own -f", func(f *runFlags) {
			f.Memory, f.Timeout, f.Args = "64M", "10s", []string{"./untrusted", "--its=own", "-f"}
		}},
		{"-e A=" + bytes + " -eB=" + bytes + " --env=C=" + bytes + " -de D=" + bytes + " " + bytes, func(f *runFlags) {
			f.Env, f.Debug, f.Args = []string{"A=" + bytes, "B=" + bytes, "C=" + bytes, "D=" + bytes}, true, []string{bytes}
		}},
		{"--cap-add=A,B --cap-add C --pass-fd 5 --pass-fd=6", func(f *runFlags) { f.CapAdd, f.PassFD = []string{"A", "B", "C"}, []int{5, 6} }},
		{"-u joe:users --no-init --ro=false --stats -", func(f *runFlags) { f.User, f.Init, f.Stats = new("joe:users"), false, "-" }},
		{"--workdir=-x - a", func(f *runFlags) { f.Workdir, f.Args = "-x", []string{"-", "a"} }},
	} {
		want := defaultFlags()
		c.want(&want)
		for _, owner := range []flagOwner{ofAll, ofPlan} {
			got, err := readFlags(strings.Split(c.line, " "), owner)
			if err != nil || !reflect.DeepEqual(*got, want) {
				t.Errorf("%q: %+v, %v\nwant %+v", c.line, got, err, want)
			}
		}
	}
}

// TestWrongFlags: each of the flags, without a value, with an empty one, and given twice.
func TestWrongFlags(t *testing.T) {
	says := func(args []string, texts ...string) {
		t.Helper()
		_, err := readFlags(args, ofPlan)
		for _, text := range texts {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%q: %v\nwant %q", args, err, text)
			}
		}
	}
	for _, row := range flagTable {
		flag := "--" + row.name
		switch row.kind {
		case isSet, isUnset:
			says([]string{flag + "=x"}, flag, "has no value")
			continue
		case isOptional:
		default:
			says([]string{flag}, flag, "value is missing", flag+"=")
			says([]string{flag, "--", "true"}, flag, "value is missing", "-- behind it is a flag")
		}
		says([]string{flag + "="}, flag, "empty value", "leave the flag out")
		says([]string{flag, "", "x"}, flag, "empty value")
		if row.letter != 0 {
			says([]string{"-" + string(row.letter), ""}, "empty value")
			says([]string{"-" + string(row.letter) + "=5"}, "=5", "behind a blank or at once")
		}
		if row.kind != isList && row.kind != isWords && row.kind != isNumbers && row.name != "config" {
			says([]string{flag + "=5", flag + "=5"}, flag, "twice")
		}
	}
	says([]string{"--init", "--no-init"}, "--no-init", "contradicts --init")
	says([]string{"--cap-add=A,,B"}, "--cap-add", "empty word")
	if _, err := quick([]string{"--json", "x"}); err == nil || !strings.Contains(err.Error(), "tincan plan only") {
		t.Error("run --json:", err)
	}
}

// TestUnknownFlags: what other tools call it, and slips of the finger.
func TestUnknownFlags(t *testing.T) {
	for flag, want := range map[string]string{
		"--cwd=/x": "--workdir=DIR", "-v": "-a HOST:CONTAINER", "--volume": "-a HOST", "--memori=5": "did you mean --memory=SIZE", "--tiemout=1": "--timeout=DURATION",
		"--hotsname=x": "--hostname=NAME", "--seccomp-stri": "--seccomp-strict-ints", "--zzz": "see tincan run --help", "-z": "-z: no such flag", "-dz": "-z: no such flag", "--m": "no such flag",
	} {
		if _, err := quick([]string{flag}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %q", flag, err, want)
		}
	}
}
