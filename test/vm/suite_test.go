// Tests of this package's own code, without a machine: what it reads, and what it must not miss.
package vm

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// diedInside is the output of a test binary that died in its second test, after half a line of
// output.
const diedInside = "=== JOB guest\n=== LIST TestOne\n=== LIST TestTwo\n=== LIST TestThree\n" +
	"\x16=== RUN   TestOne\n\x16=== RUN   TestOne/sub\n    x_test.go:1: said\n\x16=== NAME  TestOne\nhalf a line\x16--- PASS: TestOne (0.10s)\n    \x16--- PASS: TestOne/sub (0.05s)\n" +
	"\x16=== NAME  \n\x16=== RUN   TestTwo\npanic: oh\n=== JOB driver\n=== LIST TestFour\n\x16=== RUN   TestFour\n\x16--- FAIL: TestFour (1.00s)\n\x16FAIL\n\n=== END driver status 1\n"

// TestReports checks that this output is understood.
func TestReports(t *testing.T) {
	all := parseReports(diedInside)
	g, d := all["guest"], all["driver"]
	if g == nil || d == nil || len(all) != 2 {
		t.Fatalf("jobs: %v", all)
	}
	if strings.Join(g.listed, " ") != "TestOne TestTwo TestThree" || g.ended {
		t.Errorf("listed %q, ended %v", g.listed, g.ended)
	}
	one := g.tests["TestOne"]
	if one == nil || one.verdict != "PASS" || one.took != "0.10s" || len(one.subs) != 1 || one.subs[0].verdict != "PASS" || !strings.Contains(one.subs[0].output.String(), "said") || !strings.Contains(one.output.String(), "half a line") {
		t.Errorf("TestOne: %+v", one)
	}
	if two := g.tests["TestTwo"]; two == nil || two.verdict != "" || !strings.Contains(two.output.String(), "panic: oh") {
		t.Errorf("TestTwo has not ended: %+v", two)
	}
	if g.tests["TestThree"] != nil {
		t.Error("TestThree has not begun")
	}
	if four := d.tests["TestFour"]; four == nil || four.verdict != "FAIL" || !d.ended || d.status != "status 1" {
		t.Errorf("driver: %+v %+v", d, four)
	}
}

// TestOutcomes checks how the end of a boot is classified.
func TestOutcomes(t *testing.T) {
	const good = `{"status":3,"signal":"SIGTERM","oom_killed":true}`
	for _, c := range []struct {
		result, console string
		timedOut        bool
		want            Kind
	}{
		{good, "", false, Verdict},
		{"", "reboot: Power down", false, NoVerdict},
		{`{"status":`, "", false, NoVerdict}, // cut off
		{"", "[ 1.0] Kernel panic - not syncing: sysrq triggered crash\r\n", false, Panic},
		{good, "[ 1.0] Kernel panic - not syncing: Attempted to kill init!\r\n", false, Panic},
		{good, "", true, Timeout},
		{"", "", true, Timeout},
	} {
		o := Outcome{Console: c.console}
		if o.classify([]byte(c.result), c.timedOut); o.Kind != c.want {
			t.Errorf("%+v: %s", c, o.Kind)
		}
		if o.Kind == Verdict && (o.Result.Status != 3 || *o.Result.Signal != "SIGTERM" || !o.Result.OOMKilled) {
			t.Errorf("%+v", o.Result)
		}
	}
}

// TestNewestKernel checks that the newest kernel of a series is chosen.
func TestNewestKernel(t *testing.T) {
	names := []string{"linux-image-6.1.0-56-cloud-amd64", "linux-image-6.12.9+deb12-cloud-amd64", "linux-image-6.12.117+deb12-cloud-amd64", "linux-image-6.2.0-cloud-amd64"}
	for series, want := range map[string]string{"6.1": names[0], "6.12": names[2], Newest: names[2], "6.3": ""} {
		if got := pick(names, series); got != want {
			t.Errorf("%s: %q, want %q", series, got, want)
		}
	}
}

// TestNotInside checks that every test in notInside and fullOnly exists.
func TestNotInside(t *testing.T) {
	c := exec.Command(program(t, hostArch, "..", true), "-test.list", ".")
	c.Env = append(os.Environ(), "TINCAN_TEST_BIN=none", "TINCAN_TEST_PROBE=none") // otherwise it would build them
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range slices.Concat(notInside, fullOnly) {
		if !strings.Contains("\n"+string(out), "\n"+n.name+"\n") {
			t.Errorf("no test is called %s", n.name)
		}
	}
}

// TestKernelWords checks which words can be on the kernel's command line.
func TestKernelWords(t *testing.T) {
	for word, want := range map[string]string{"a": "a", "a b": `"a b"`, "a'b": "a'b"} {
		if got, err := kernelWord(word); err != nil || got != want {
			t.Errorf("%q: %q, %v", word, got, err)
		}
	}
	for _, word := range []string{"", `a"b`, "a\nb"} {
		if got, err := kernelWord(word); err == nil {
			t.Errorf("%q became %q", word, got)
		}
	}
}
