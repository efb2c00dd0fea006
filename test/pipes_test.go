// Pipes as standard input or output. Both ends of a pipe have the same mode.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestPipeBothEnds checks that a container with one end of a pipe cannot open the other end, while
// another container has that end, in whatever order they start.
func TestPipeBothEnds(t *testing.T) {
	needRoot(t)
	const opens = `for c in "exec 3<>%[1]s" "exec 3<%[1]s" "exec 3>%[1]s"; do (eval "$c") 2>/dev/null && echo "%[2]s: $c" >&2; done; true`
	reader, writer := fmt.Sprintf(opens, "/dev/stdin", "reader"), fmt.Sprintf(opens, "/dev/stdout", "writer")
	for name, c := range map[string]struct{ writer, reader string }{
		"writer first": {"sleep 1; " + writer, "sleep 0.5; %s -- sh -c '" + reader + "'"},
		"reader first": {writer, "%s -- sh -c 'sleep 1; " + reader + "'"},
		"together":     {"sleep 0.5; " + writer, "%s -- sh -c 'sleep 0.5; " + reader + "'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := fmt.Sprintf("%s -- sh -c '%s'", tincanBin, c.writer)
			if name == "reader first" {
				left = "sleep 0.5; " + left
			}
			right := fmt.Sprintf(c.reader, tincanBin)
			out, err := exec.Command("sh", "-c", "{ "+left+"; } | { "+right+"; }").CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestPipeEndsLater checks that each run resets the mode of a pipe that the run before it has
// opened up.
func TestPipeEndsLater(t *testing.T) {
	needRoot(t)
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	defer to.Close()
	for i, want := range []string{"623", "623", "611", "611"} {
		c := exec.Command(tincanBin, "--", "true")
		if c.Stdout = to; i >= 2 {
			c.Stdin, c.Stdout = from, nil
		}
		if i == 3 {
			c.Stdin, c.Stdout = nil, to
		}
		if out := c.Run(); out != nil {
			t.Fatal(out)
		}
		if st, err := to.Stat(); err != nil || fmt.Sprintf("%o", st.Mode().Perm()) != want {
			t.Errorf("run %d: mode %v, want %s", i, st.Mode(), want)
		}
	}
}
