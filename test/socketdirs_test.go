package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// If somebody else than root can change the names in a directory, a directory with a socket or FIFO
// is covered as a whole: nothing is mounted at such a name, nobody can prevent a run, and thousands
// of names cost no more than one.
func TestHole35OthersDirectories(t *testing.T) {
	needRoot(t)
	noLeaks(t)
	name := uniqueName()
	dir := "/srv/" + name
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	planned := func(what string) string {
		var lines []string
		r := job{args: []string{"plan", "--", "true"}}.run(t)
		for _, l := range strings.Split(r.out, "\n") {
			if strings.Contains(l, name) {
				lines = append(lines, l)
			}
		}
		if r.status != 0 {
			t.Fatalf("%s: %v", what, r)
		}
		return strings.Join(lines, "\n")
	}
	os.WriteFile(dir+"/file", []byte("text"), 0o644)
	os.Mkdir(dir+"/sub", 0o755)
	if err := unix.Mkfifo(dir+"/sub/fifo", 0o666); err != nil {
		t.Fatal(err)
	}
	if got := planned("root's"); !strings.Contains(got, `mount("/dev/null", "`+dir+`/sub/fifo"`) || strings.Contains(got, "tmpfs") {
		t.Errorf("root's: %s", got)
	}
	one := `mount("tmpfs", "` + dir + `", "tmpfs"`
	whole := func(what string) {
		t.Helper()
		if got := planned(what); !strings.Contains(got, one) || strings.Contains(got, "\n") {
			t.Errorf("%s: %s", what, got)
		}
	}
	for what, change := range map[string]func(){
		"another's":                 func() { os.Chown(dir, 4242, 0) },
		"a group's":                 func() { os.Chmod(dir, 0o775) },
		"everybody's":               func() { os.Chmod(dir, 0o777|os.ModeSticky) },
		"another's, and below also": func() { os.Chown(dir, 4242, 0); os.Chown(dir+"/sub", 4243, 0) },
	} {
		change()
		whole(what)
		os.Chown(dir, 0, 0)
		os.Chown(dir+"/sub", 0, 0)
		os.Chmod(dir, 0o755)
	}
	os.Chown(dir, 4242, 4242)
	for as, before := range map[string][]string{"root": nil, "user": becomeUser(t, "single")} {
		if r := (job{before: before, args: []string{"--no-cgroup", "--", "ls", "-A", dir}}).run(t); r.status != 0 || r.out != "" {
			t.Errorf("as %s: %v", as, r)
		}
		// A path that was added below it is there.
		args := []string{"--no-cgroup", "-a", dir + "/file:" + dir + "/sub/there:ro", "--", "cat", dir + "/sub/there"}
		if r := (job{before: before, args: args}).run(t); r.status != 0 || r.out != "text" {
			t.Errorf("as %s, below it: %v", as, r)
		}
	}
	os.Mkdir(dir+"/t", 0o755)
	unix.Mkfifo(dir+"/s", 0o666)
	t.Run("exchanged", func(t *testing.T) { // the exchanges end with this subtest
		attacking(t, exec.Command(probeBin, "exchange", dir, "s", "t"))
		for range 20 {
			if r := (job{args: []string{"--no-cgroup", "--", "true"}}).run(t); r.status != 0 {
				t.Fatalf("a FIFO and a directory exchanged: %v", r)
			}
		}
	})
	// The same if root has too many such files.
	many := "/srv/" + name + "-many"
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(many) })
	for i := range 100 {
		unix.Mkfifo(many+"/"+strings.Repeat("x", i+1), 0o666)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	dir, one = many, `mount("tmpfs", "`+many+`", "tmpfs"`
	whole("many")
}
