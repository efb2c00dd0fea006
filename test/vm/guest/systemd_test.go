// systemd takes back controllers that its units do not need, and delegates groups. The machine has
// no systemd, so these tests do what it does.
package guest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// subtree is the file that enables controllers below the top.
const subtree = groups + "/cgroup.subtree_control"

// booted makes the machine look like one with systemd: sd_booted(3).
func booted(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll("/run/systemd/system", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll("/run/systemd") })
}

// takeBack disables the controllers as systemd does, one at a time. It returns those that the
// kernel refused to disable.
func takeBack(t *testing.T) (refused []string) {
	t.Helper()
	for c := range strings.FieldsSeq(read(t, subtree)) {
		if err := os.WriteFile(subtree, []byte("-"+c), 0); errors.Is(err, unix.EBUSY) {
			refused = append(refused, c)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return refused
}

// TestControllersAreKept checks that the limits stay when systemd tries to take back the
// controllers. Without systemd nothing prevents that: the controllers go.
func TestControllersAreKept(t *testing.T) {
	before := groupNames(t)
	all := "+" + strings.Join(strings.Fields(read(t, subtree)), " +")
	defer write(t, subtree, all)
	limits := []string{"memory.max", "pids.max", "cpu.max", "io.weight"}
	flags := []string{"--memory=48M", "--pids=20", "--cpus=0.5", "--io-weight=20"}
	bare := start(t, "sleep 1000", flags...)
	if got := takeBack(t); len(got) > 0 || exists(bare.group+"/memory.max") {
		t.Errorf("without a second group, these controllers could not be taken back: %q", got)
	}
	bare.end(unix.SIGTERM)
	booted(t)
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		write(t, subtree, all)
		w := start(t, "sleep 1000", flags...)
		got := takeBack(t)
		for _, c := range []string{"memory", "pids", "cpu", "io"} {
			if !slices.Contains(got, c) {
				t.Errorf("%s could be taken back", c)
			}
		}
		for i, want := range []string{"50331648", "20", "50000 100000", "default 20"} {
			if file := w.group + "/" + limits[i]; !exists(file) || w.file(limits[i]) != want {
				t.Errorf("%s: want %s", file, want)
			}
		}
		w.end(s)
		if s == unix.SIGKILL {
			eventually(t, "the dead run's groups are gone", func() bool {
				run(t, in("true")...)
				return slices.Equal(groupNames(t), before)
			})
		}
		if after := groupNames(t); !slices.Equal(after, before) {
			t.Errorf("after signal %d: %q, before: %q", s, after, before)
		}
	}
	// If the name of the second group is taken, both groups get another name.
	taken := filepath.Join(groups, "taken.keep")
	if err := os.Mkdir(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(taken)
	if r := run(t, in("hostname; cat /sys/fs/cgroup/memory.max", "--hostname=taken", "--memory=48M")...); r.status != 0 || r.out != "taken\n50331648\n" {
		t.Errorf("the name of the second group is taken: %v", r)
	}
	if !exists(taken) {
		t.Error("the other group was removed")
	}
}

// TestRootInADelegatedUnit checks where root's group is. In a unit with Delegate=yes it is below
// the unit's group, so that the unit's limits hold for the container. In any other unit, or if
// tincan is not the unit's only process, it is at the top.
func TestRootInADelegatedUnit(t *testing.T) {
	booted(t)
	unit := filepath.Join(groups, "some.service")
	if err := os.Mkdir(unit, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(unit)
	before := groupNames(t)
	for _, c := range []struct {
		name, mark string // an attribute
		more       string // what the unit's shell does first
		where      string
	}{
		{"not handed over", "", "", groups},
		{"a mark that anybody can make", "user.delegate", "", groups},
		{"handed over", "trusted.delegate", "", unit},
		{"handed over, and not alone", "trusted.delegate", "sleep 1000 & echo $! >/tmp/sleeper;", groups},
	} {
		if c.mark != "" {
			if err := unix.Setxattr(unit, c.mark, []byte("1"), 0); err != nil {
				t.Fatal(err)
			}
		}
		script := "echo 0 >" + unit + "/cgroup.procs; " + c.more + ` exec "$0" "$@"`
		line := append([]string{"sh", "-ec", script, tincanBin, "run", "--hostname=inunit"}, in("echo ready; read end")...)
		cmd := exec.Command(line[0], line[1:]...)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, _ := cmd.StdoutPipe()
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 6)
		if n, err := stdout.Read(b); err != nil || string(b[:n]) != "ready\n" {
			t.Errorf("%s: the container printed %q: %v", c.name, b[:n], err)
		}
		for _, dir := range []string{groups, unit} {
			if got := exists(dir + "/inunit"); got != (dir == c.where) {
				t.Errorf("%s: there is a group in %s: %v", c.name, dir, got)
			}
		}
		stdin.Close()
		cmd.Wait()
		if c.more != "" {
			pid, _ := strconv.Atoi(strings.TrimSpace(read(t, "/tmp/sleeper")))
			unix.Kill(pid, unix.SIGKILL)
			os.Remove("/tmp/sleeper")
		}
		eventually(t, "the unit is empty", func() bool { return strings.TrimSpace(read(t, unit+"/cgroup.procs")) == "" })
		if after := groupNames(t); !slices.Equal(after, before) || strings.TrimSpace(read(t, unit+"/cgroup.subtree_control")) != "" || exists(unit+"/inunit") {
			t.Errorf("%s: these groups were left: %q", c.name, after)
		}
	}
}

// TestMemoryOfTheUnit checks that tincan does not report the unit's own limit, which is reached
// first, as the container's.
func TestMemoryOfTheUnit(t *testing.T) {
	booted(t)
	unit := filepath.Join(groups, "small.service")
	if err := os.Mkdir(unit, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(unit)
	write(t, unit+"/memory.max", "62914560")
	if err := unix.Setxattr(unit, "trusted.delegate", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "stats")
	line := append([]string{"sh", "-ec", "echo 0 >" + unit + `/cgroup.procs; exec "$0" "$@"`, tincanBin, "run", "--memory=1G", "--stats=" + file},
		in("awk 'BEGIN { s = \"x\"; while (1) s = s s }'; echo survived")...)
	r := runLine(t, line...)
	if r.status != 137 || r.out != "" || !strings.Contains(r.err, "below its own limit of 1GiB") || strings.Contains(r.err, "raises it") {
		t.Error(r)
	}
	if got := read(t, file); !strings.Contains(got, `"oom_killed": true`) || !strings.Contains(got, `"memory": 0`) {
		t.Error(got)
	}
	eventually(t, "the unit is empty", func() bool { return strings.TrimSpace(read(t, unit+"/cgroup.procs")) == "" })
}
