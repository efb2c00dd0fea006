// Command runner runs the test binaries in /vm/jobs.json inside a machine, one after the other.
// Their output goes to the virtio-serial port `tests`, which the kernel's log does not reach.
// ../suite.go reads it on the host.
//
// Its status is 0 if every job succeeded.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// job is a Job of ../suite.go.
type job struct {
	Name, Dir string
	Line      []string
	Env       []string
	Skip      []string
	Only      string
	Tmpfs     []string
}

func main() {
	port, err := openPort("tests")
	if err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		os.Exit(2)
	}
	var jobs []job
	b, err := os.ReadFile("/vm/jobs.json")
	if err == nil {
		err = json.Unmarshal(b, &jobs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		os.Exit(2)
	}
	status := 0
	for _, j := range jobs {
		if !j.run(port) {
			status = 1
		}
	}
	os.Exit(status)
}

// openPort opens a port by its name: Documentation/ABI, /sys/class/virtio-ports.
func openPort(name string) (*os.File, error) {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, n := range names {
		if b, _ := os.ReadFile(n); strings.TrimSpace(string(b)) == name {
			return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(n)), os.O_WRONLY, 0)
		}
	}
	return nil, fmt.Errorf("no virtio-serial port is called %s (there are %d)", name, len(names))
}

// command returns the job's command, with more arguments.
func (j job) command(args ...string) *exec.Cmd {
	c := exec.Command(j.Line[0], append(j.Line[1:len(j.Line):len(j.Line)], args...)...)
	c.Dir = j.Dir
	c.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TMPDIR=/tmp"}, j.Env...)
	return c
}

// mountTmpfs mounts a tmpfs on a directory, with that directory's mode.
func mountTmpfs(dir string) error {
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return fmt.Errorf("stat %s: %w", dir, err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=%o", st.Mode&0o7777)); err != nil {
		return fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
	}
	return nil
}

// run runs the job, and writes its output to the port.
func (j job) run(port *os.File) bool {
	fmt.Fprintf(port, "=== JOB %s\n", j.Name)
	for _, dir := range j.Tmpfs {
		if err := mountTmpfs(dir); err != nil {
			fmt.Fprintf(port, "%v\n=== END %s %v\n", err, j.Name, err)
			return false
		}
	}
	if j.Only == "" {
		j.Only = "."
	}
	list := exec.Command(j.Line[0], "-test.list", j.Only)
	list.Dir, list.Env = j.Dir, j.command().Env
	out, err := list.CombinedOutput()
	if err != nil {
		fmt.Fprintf(port, "%s\n=== END %s %v\n", out, j.Name, err)
		return false
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, "Test") && !slices.Contains(j.Skip, name) {
			fmt.Fprintf(port, "=== LIST %s\n", name)
		}
	}
	c := j.command()
	c.Stdout, c.Stderr = port, port
	err = c.Run()
	fmt.Fprintf(port, "\n=== END %s status %d\n", j.Name, c.ProcessState.ExitCode())
	return err == nil
}
