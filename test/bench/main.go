// Command bench measures what it costs to run /bin/true in a container: the time of
// the whole process, from fork to the end, with tincan and with the tools that people
// would use instead, interleaved in one run so that all see the same machine.
//
// Run by `make bench`, as root. Tools that are not here are named and left out.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

var (
	tincanBin = flag.String("tincan", "./tincan", "the binary to measure")
	rounds    = flag.Int("rounds", 300, "how often each is run")
	warmUp    = flag.Int("warm-up", 20, "runs before that are not counted")
	asJSON    = flag.Bool("json", false, "the result as JSON")
)

// contender is one way to run /bin/true.
type contender struct {
	name   string
	argv   []string
	absent string // why it is not measured

	wall, cpu []time.Duration
}

// basis is what the ratios are relative to.
const basis = "bwrap --unshare-all"

func main() {
	flag.Parse()
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() error {
	if os.Geteuid() != 0 {
		return errors.New("not root: the containers that are compared are root's")
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return errors.New("busybox is not here: apt-get install busybox-static")
	}
	dir, err := os.MkdirTemp("", "tincan-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	if err := makeTree(root, busybox); err != nil {
		return err
	}
	bin, err := filepath.Abs(*tincanBin)
	if err != nil {
		return err
	}
	all := []*contender{
		{name: "tincan", argv: []string{bin, "run", "-m", root, "--", "/bin/true"}},
		{name: "tincan --no-cgroup", argv: []string{bin, "run", "--no-cgroup", "-m", root, "--", "/bin/true"}},
		{name: basis, argv: []string{"bwrap", "--unshare-all", "--die-with-parent", "--bind", root, "/",
			"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "/bin/true"}},
		{name: "unshare", argv: []string{"unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork",
			"--root", root, "--mount-proc", "/bin/true"}},
	}
	all = append(all, runcContenders(dir, root)...)
	for _, c := range all {
		if c.absent == "" {
			c.absent = trial(c)
		}
	}
	present := slices.DeleteFunc(slices.Clone(all), func(c *contender) bool { return c.absent != "" })
	for i := range *warmUp + *rounds {
		for j := range present { // each round begins with another
			c := present[(i+j)%len(present)]
			wall, cpu, err := once(c.argv)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", c.name, i, err)
			}
			if i >= *warmUp {
				c.wall, c.cpu = append(c.wall, wall), append(c.cpu, cpu)
			}
		}
	}
	if *asJSON {
		return printJSON(os.Stdout, present)
	}
	printTable(os.Stdout, all)
	return nil
}

// makeTree makes a root directory with busybox and the mount points that the tools
// other than tincan must find.
func makeTree(root, busybox string) error {
	for _, d := range []string{"bin", "proc", "dev", "sys", "tmp", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	b, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), b, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"true", "sh"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}

// once runs it and gives its wall time and the processor time of it and its
// descendants that were waited for.
func once(argv []string) (wall, cpu time.Duration, err error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	start := time.Now()
	err = cmd.Run()
	wall = time.Since(start)
	if cmd.ProcessState != nil {
		cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return wall, cpu, err
}

// trial says why a contender cannot be measured, or nothing.
func trial(c *contender) string {
	if _, err := exec.LookPath(c.argv[0]); err != nil {
		return "not here"
	}
	out, err := exec.Command(c.argv[0], c.argv[1:]...).CombinedOutput()
	if err != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return fmt.Sprintf("fails: %v: %s", err, text)
	}
	return ""
}

// runcContenders writes a bundle with the protections that tincan's default has:
// namespaces, ids, capabilities, masked paths, limits, no_new_privs and a filter.
// Where runc cannot make the groups, it is measured without them, and named so.
func runcContenders(dir, root string) []*contender {
	full := runcBundle(filepath.Join(dir, "runc"), root, true)
	if trial(full) == "" || full.absent != "" {
		full.name = "runc run"
		return []*contender{full, named(runcBundle(filepath.Join(dir, "runc-bare"), root, false), "runc run, no limits")}
	}
	full.name, full.absent = "runc run", trial(full)
	bare := named(runcBundle(filepath.Join(dir, "runc-bare"), root, false), "runc run, no limits")
	return []*contender{full, bare}
}

func named(c *contender, name string) *contender { c.name = name; return c }

type object = map[string]any

func runcBundle(bundle, root string, limits bool) *contender {
	c := &contender{argv: []string{"runc", "--root", filepath.Join(bundle, "state"), "run", "--bundle", bundle, "tincan-bench-" + filepath.Base(bundle)}}
	caps := []string{"CAP_CHOWN", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT"}
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
		{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"nosuid", "noexec", "nodev", "mode=1777"}},
		{"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": []string{"nosuid", "noexec", "nodev"}},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
		{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "mode=1777"}},
	}
	namespaces := []object{{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}, {"type": "user"}}
	linux := object{
		"namespaces":  namespaces,
		"uidMappings": []object{{"containerID": 0, "hostID": 10000, "size": 2000}},
		"gidMappings": []object{{"containerID": 0, "hostID": 10000, "size": 2000}},
		"maskedPaths": []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
			"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"},
		"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		"seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []object{{
			"names":  []string{"keyctl", "add_key", "request_key", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "userfaultfd", "perf_event_open"},
			"action": "SCMP_ACT_ERRNO"}}},
	}
	if limits {
		linux["resources"] = object{"memory": object{"limit": 1 << 30}, "pids": object{"limit": 64}, "cpu": object{"shares": 256}}
	}
	config := object{
		"ociVersion": "1.0.2", "hostname": "bench", "mounts": mounts, "linux": linux,
		"root": object{"path": root},
		"process": object{
			"args": []string{"/bin/true"}, "cwd": "/", "env": []string{"PATH=/bin"}, "noNewPrivileges": true, "user": object{"uid": 0, "gid": 0},
			"capabilities": object{"bounding": caps, "effective": caps, "permitted": caps},
			"rlimits":      []object{{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}},
		},
	}
	b, err := json.MarshalIndent(config, "", "  ")
	if err == nil {
		err = os.MkdirAll(bundle, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(bundle, "config.json"), b, 0o644)
	}
	if err != nil {
		c.absent = err.Error()
	}
	return c
}

// percentile gives the value that p of a hundred are not above. v is sorted.
func percentile(v []time.Duration, p int) time.Duration { return v[(len(v)-1)*p/100] }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func printTable(w io.Writer, all []*contender) {
	var base time.Duration
	for _, c := range all {
		slices.Sort(c.wall)
		slices.Sort(c.cpu)
		if c.name == basis && c.absent == "" {
			base = percentile(c.wall, 50)
		}
	}
	fmt.Fprintf(w, "/bin/true (busybox) in a root directory, %d runs of each, interleaved; milliseconds\n\n", *rounds)
	fmt.Fprintf(w, "%-22s %8s %17s %10s %12s\n", "", "median", "p10 to p90", "user+sys", "of bwrap's")
	for _, c := range all {
		if c.absent != "" {
			fmt.Fprintf(w, "%-22s %s\n", c.name, c.absent)
			continue
		}
		ratio := "-"
		if base > 0 {
			ratio = fmt.Sprintf("%.2f", float64(percentile(c.wall, 50))/float64(base))
		}
		fmt.Fprintf(w, "%-22s %8.2f %8.2f %8.2f %10.2f %12s\n", c.name, milliseconds(percentile(c.wall, 50)),
			milliseconds(percentile(c.wall, 10)), milliseconds(percentile(c.wall, 90)), milliseconds(percentile(c.cpu, 50)), ratio)
	}
	fmt.Fprintln(w)
	for _, line := range conditions() {
		fmt.Fprintln(w, line)
	}
}

// conditions are what the numbers depend on.
func conditions() []string {
	first := func(argv ...string) string {
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		if err != nil && len(out) == 0 {
			return argv[0] + ": not here"
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return line
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	cpu := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(b), "\n") {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.TrimLeft(name, "\t :")
				break
			}
		}
	}
	groups := "1 or hybrid"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		groups = "2"
	}
	return []string{
		first(*tincanBin, "--version"), first("bwrap", "--version"), first("unshare", "--version"), first("runc", "--version"), first("busybox"),
		fmt.Sprintf("Linux %s %s, %d x %s, cgroups version %s, %s", strings.TrimSpace(string(kernel)), runtime.GOARCH, runtime.NumCPU(), cpu, groups,
			time.Now().UTC().Format(time.DateOnly)),
		"unshare makes neither a user namespace nor /dev nor limits, bwrap no limits and no filter: less is done there.",
	}
}

func printJSON(w io.Writer, present []*contender) error {
	type row struct {
		Name   string  `json:"name"`
		Median float64 `json:"median_ms"`
		P10    float64 `json:"p10_ms"`
		P90    float64 `json:"p90_ms"`
		CPU    float64 `json:"cpu_median_ms"`
	}
	var rows []row
	for _, c := range present {
		slices.Sort(c.wall)
		slices.Sort(c.cpu)
		rows = append(rows, row{c.name, milliseconds(percentile(c.wall, 50)), milliseconds(percentile(c.wall, 10)),
			milliseconds(percentile(c.wall, 90)), milliseconds(percentile(c.cpu, 50))})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"rounds": *rounds, "results": rows, "conditions": conditions()})
}
