// tincan record, without a container: a command that tries to deceive it.
package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestRecordHostilePaths checks that a path cannot add a line to the AppArmor profile, and that
// characters of patterns in it are escaped.
func TestRecordHostilePaths(t *testing.T) {
	r := newRecorder()
	r.file = newFileUses()
	for _, file := range []string{"/proc/x r,\n  /** rwmlkix,\n  capability,\n  /proc/y", "/proc/1/[0-9]*/**", "/procs/**", "/proc/sys/**", "/srv/a!b", "/srv/x#*", "/srv/\x01", "/etc/passwd"} {
		r.file.add(shared(file), useRead|useWrite)
	}
	r.note(-1, notified(t, r.abis[0], "getpid"))
	r.named("/bin/a\n  capability,")
	text := r.appArmor("tincan-x", nil)
	for _, want := range []string{`/proc/[0-9]*/\[0-9\]\*/\*\*{,/} rw,`, `/procs/\*\* rw,`, `/proc/sys/\*\*{,/} rw,`, "/srv/a?b rw,", `/srv/x#\* rw,`, "/etc/passwd rw,"} {
		if !strings.Contains(text, "\n  "+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "\n  capability,") || strings.Contains(text, "/** rw") || r.file.leftOut() != 3 || t.Failed() {
		t.Errorf("%d left out\n%s", r.file.leftOut(), text)
	}
}

// TestRecordBounds checks that the recorder's memory is bounded for a command that makes up
// programs, calls and files, and that no call with a name is lost.
func TestRecordBounds(t *testing.T) {
	r := newRecorder()
	for i := range mostPrograms + 100 {
		r.named(fmt.Sprint("/bin/", i))
	}
	if len(r.programs) != mostPrograms+1 || !r.full || r.named("/bin/0").name != "/bin/0" || r.named("/bin/new").name != otherPrograms {
		t.Errorf("%d programs are kept", len(r.programs))
	}
	native := r.abis[0]
	p := r.named("/bin/1")
	for nr := uint32(5000); r.uses < mostUses; nr++ {
		p.use(r, nr, native.audit)
	}
	getpid, _ := native.number("getpid")
	if u := p.use(r, getpid, native.audit); u == nil || r.named(otherPrograms).uses[callKey{getpid, native.audit}] != u {
		t.Errorf("getpid: %+v", u)
	}
	for nr := uint32(500000); nr < 500100; nr++ {
		if u := p.use(r, nr, native.audit); u != nil {
			t.Fatalf("%d: %+v", nr, u)
		}
	}
	if all := r.all(); len(all) != mostUses+1 || r.uses != len(all) {
		t.Errorf("%d uses, %d counted", len(all), r.uses)
	}

	r = newRecorder()
	long := strings.Repeat("x", 4000)
	for i := range 2 * mostText / len(long) {
		r.named(fmt.Sprint("/", long, i))
	}
	if n := r.text; n > mostText+100 || !r.full {
		t.Errorf("%d bytes of programs' names are kept", n)
	}

	for _, name := range []string{"/", "/" + long} {
		f, total := newFileUses(), 0
		for i := range mostPaths + 1000 {
			f.add(fmt.Sprint(name, i), useRead)
		}
		f.add(name+"0", useWrite) // a file that is already known
		for file := range f.files {
			total += len(file)
		}
		if len(f.files) > mostPaths || total > mostText || !f.full || f.files[name+"0"] != useRead|useWrite {
			t.Errorf("%.5s...: %d files, %d bytes", name, len(f.files), total)
		}
	}
}

// TestRecordForgetsThreads checks that threads whose program is known are not kept forever.
func TestRecordForgetsThreads(t *testing.T) {
	r := newRecorder()
	for i := range uint32(mostThreads + 10) {
		r.threads[1<<30+i] = nil
	}
	r.program(-1, notified(t, r.abis[0], "getpid"))
	if len(r.threads) > mostThreads {
		t.Errorf("%d threads are kept", len(r.threads))
	}
}

// TestRecordedDefaultOfOtherABIs checks that, during a recording, 32-bit programs get the same
// rules, and cannot avoid them.
func TestRecordedDefaultOfOtherABIs(t *testing.T) {
	for _, spec := range []string{"default", "setid"} {
		p, err := recordedDefault(spec)
		if err != nil {
			t.Fatal(err)
		}
		program, err := p.compile()
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.abis {
			a := p.abis[i].abi
			native := map[uint32]bool{}
			for _, c := range p.abis[0].calls {
				if nr, known := a.number(c.name); known {
					native[nr] = true
				}
			}
			for _, c := range p.abis[i].calls {
				delete(native, c.nr)
			}
			if len(native) > 0 {
				t.Errorf("%s, %s: no rule for the calls %v", spec, a.name, slices.Sorted(maps.Keys(native)))
			}
			for call, want := range map[string]verdict{
				"socket 40": denied, "socket 38": denied, "socket 16 3 2": denied, "socket 2 1": allow, "umount": denied,
				"socketcall 1": unknownCall, "socketcall 8": unknownCall, "socketcall 3": unknownCall, "socketcall 0x100000001": unknownCall, "ipc 1": allow, "keyctl": denied, "clone3": unknownCall,
			} {
				words := strings.Fields(call)
				if _, known := a.number(words[0]); !known {
					continue
				}
				c, err := parseCall(a, words[0], words[1:])
				got, _, err2 := runFilter(program, &c)
				if err != nil || err2 != nil || got != want {
					t.Errorf("%s, %s: %s: %v, want %v (%v, %v)", spec, a.name, call, got, want, err, err2)
				}
			}
		}
	}
}
