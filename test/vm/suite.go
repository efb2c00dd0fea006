package vm

// The output of test binaries that ran inside a machine, shown as subtests on the host.
//
// The runner (runner/) frames the output of each job:
//
//	=== JOB name
//	=== LIST name              a line for each test that is going to run
//	... the output of -test.v ...
//	=== END job status
//
// A test that was listed and has no verdict counts as failed: the machine or the test binary died
// in it.

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Job is a test binary that the runner starts.
type Job struct {
	Name string
	Dir  string
	Line []string // the program and its arguments
	Env  []string
	Skip []string // tests that are not run
	Only string   // a pattern for those that are run; "" for all
	// Tmpfs are directories on which a tmpfs is mounted first. Files in rootfs itself cannot be
	// shown with other owners, because the kernel has no idmapped mounts of it.
	Tmpfs []string
}

// report is the output of a job.
type report struct {
	listed []string
	tests  map[string]*testReport // top level tests
	ended  bool
	status string
	rest   string // output that belongs to no test
}

// testReport is a test with its subtests.
type testReport struct {
	verdict string // PASS, FAIL, SKIP, or "" if it never ended
	output  strings.Builder
	subs    []*testReport
	name    string
	took    string
}

var (
	runLine = regexp.MustCompile(`^=== (RUN|NAME|CONT|PAUSE) +(\S*)`)
	// With -test.v=test2json, lines of the testing package begin with this character, even if the
	// test has printed half a line before.
	mark        = regexp.MustCompile(`([^\n])\x16`)
	verdictLine = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+s)\)`)
)

// parseReports reads the output on the port `tests`.
func parseReports(text string) map[string]*report {
	jobs := map[string]*report{}
	var r *report
	var at *testReport
	text = mark.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "$1\n")
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(line, "\x16")
		switch {
		case strings.HasPrefix(line, "=== JOB "):
			r, at = &report{tests: map[string]*testReport{}}, nil
			jobs[strings.TrimSpace(line[8:])] = r
			continue
		case r == nil:
			continue
		case strings.HasPrefix(line, "=== LIST "):
			r.listed = append(r.listed, strings.TrimSpace(line[9:]))
			continue
		case strings.HasPrefix(line, "=== END "):
			f := strings.Fields(line)
			r.ended, r.status = true, strings.Join(f[3:], " ") // the words are ===, END, the name, and the status
			r = nil
			continue
		}
		if m := runLine.FindStringSubmatch(line); m != nil {
			if at = nil; m[2] != "" {
				at = r.test(m[2])
			}
		} else if m := verdictLine.FindStringSubmatch(line); m != nil {
			at = r.test(m[2])
			at.verdict, at.took = m[1], m[3]
		} else if at != nil {
			at.output.WriteString(line)
		} else {
			r.rest += line
		}
	}
	return jobs
}

// test returns the report of a test or subtest by its full name.
func (r *report) test(full string) *testReport {
	top, rest, sub := strings.Cut(full, "/")
	t := r.tests[top]
	if t == nil {
		t = &testReport{name: top}
		r.tests[top] = t
	}
	if sub {
		for _, s := range t.subs {
			if s.name == rest {
				return s
			}
		}
		s := &testReport{name: rest}
		t.subs = append(t.subs, s)
		return s
	}
	return t
}

// show makes subtests from a job's report.
func (r *report) show(t *testing.T) {
	t.Helper()
	if len(r.listed) == 0 {
		t.Fatalf("the job listed no tests: %s", r.rest)
	}
	for _, name := range r.listed {
		t.Run(name, func(t *testing.T) {
			got := r.tests[name]
			if got == nil {
				t.Fatal("this test never began: the test binary or the machine died before")
			}
			got.show(t)
		})
	}
	if len(r.tests) != len(r.listed) {
		t.Errorf("%d tests were listed, but %d ran", len(r.listed), len(r.tests))
	}
	if !r.ended {
		t.Error("the job did not end")
	} else if r.status != "status 0" && !t.Failed() {
		t.Errorf("%s, but no test failed: %s", r.status, r.rest)
	}
}

// show reports a test's verdict as that of t, with its subtests.
func (r *testReport) show(t *testing.T) {
	t.Helper()
	for _, s := range r.subs {
		t.Run(s.name, func(t *testing.T) { s.show(t) })
	}
	text := r.output.String()
	switch r.verdict {
	case "PASS":
		t.Logf("%s inside\n%s", r.took, text)
	case "SKIP":
		t.Skip(strings.TrimSpace(text))
	case "FAIL":
		t.Error(text)
	default:
		t.Error("this test never ended: the test binary or the machine died in it\n" + text)
	}
}

// skipPattern returns a pattern for -test.skip that matches the names.
func skipPattern(names []string) string {
	if len(names) == 0 {
		return "^$"
	}
	return fmt.Sprintf("^(%s)$", strings.Join(names, "|"))
}
