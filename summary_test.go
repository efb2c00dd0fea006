package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestSummary checks what make test prints of go test's output (test/summary.awk): a skipped test
// with its reason, what failed once more at the end, and the status.
func TestSummary(t *testing.T) {
	const passed = "=== RUN   TestA\n    a_test.go:3: fine\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n    a_test.go:4: no tool\n--- SKIP: TestB (0.00s)\nPASS\nok  \ta\t0.002s\n"
	const failed = "=== RUN   TestC\n=== RUN   TestC/sub\n=== NAME  TestC/sub\n    a_test.go:5: boo\n        hoo\n=== RUN   TestC/other\n    a_test.go:6: fine\n--- FAIL: TestC (0.00s)\n    --- FAIL: TestC/sub (0.00s)\n    --- PASS: TestC/other (0.00s)\nFAIL\nFAIL\tb\t0.002s\n"
	for _, c := range []struct {
		in, want string
		status   int
	}{
		{passed + "status 0\n", "ok  \ta\t0.002s\n     not run: TestB: no tool\n1 not run, for the reasons above\n", 0},
		{failed + passed + "status 1\n", "    a_test.go:5: boo\n        hoo\n    a_test.go:6: fine\n--- FAIL: TestC (0.00s)\n    --- FAIL: TestC/sub (0.00s)\nFAIL\nFAIL\tb\t0.002s\n" +
			"ok  \ta\t0.002s\n     not run: TestB: no tool\n\nwhat failed:\n\nTestC/sub\n    a_test.go:5: boo\n        hoo\n1 not run, for the reasons above\n", 1},
		{passed + "=== RUN   TestD\npanic: oh\nstatus 2\n", "ok  \ta\t0.002s\n     not run: TestB: no tool\npanic: oh\n1 not run, for the reasons above\n", 2},
	} {
		cmd := exec.Command("awk", "-f", "test/summary.awk")
		cmd.Stdin = strings.NewReader(c.in)
		out, _ := cmd.CombinedOutput()
		if string(out) != c.want || cmd.ProcessState.ExitCode() != c.status {
			t.Errorf("%q\nstatus %d, and\n%s\nwant %d, and\n%s", c.in, cmd.ProcessState.ExitCode(), out, c.status, c.want)
		}
	}
}
