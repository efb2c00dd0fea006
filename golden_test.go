// The plans for some sets of options, compared with the files in testdata.
//
// Any user can run these tests on any machine: what a plan takes from the host (its control groups,
// its root directory, its terminal) is replaced by fixed values. After an intended change, run
// go test -run TestGoldenPlans -update and read the diff. The file is longer than others because of
// the table of all sets.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// update is set by -update, with which the tests write the files that they otherwise compare.
var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// goldenSet is a plan, with the name and the description of its options.
type goldenSet struct {
	name, about string
	plan        plan
	tmp         string // the files show this directory as /srv
}

// goldenSets returns the plans.
func goldenSets(t *testing.T) []goldenSet {
	t.Helper()
	tmp, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"root/usr/bin", "root/etc", "full/proc", "full/sys", "full/dev", "full/tmp", "src/sub"} {
		if err := os.MkdirAll(filepath.Join(tmp, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"file", "a:b", "root/etc/hosts"} {
		if err := os.WriteFile(filepath.Join(tmp, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"root", "full"} {
		if err := os.Chmod(filepath.Join(tmp, d), 0o755); err != nil { // whatever the umask is
			t.Fatal(err)
		}
	}
	at := func(p string) string { return filepath.Join(tmp, p) }
	admin, user := caller{root: true, devices: true}, caller{uid: 1000, gid: 100}
	withGrants(t, tmp)
	sets := []struct {
		name, about string
		set         func(*runFlags)
		change      func(*config, *fds) // after newConfig
		group       int                 // version of control groups, 0 for none
		hostTree    bool
		who         caller
	}{
		{"default-v2", "tincan -m ROOT -- sh, on a host with cgroup v2", func(f *runFlags) {
			f.Mount, f.Args = new(at("full")), []string{"sh"}
		}, nil, 2, false, admin},
		{"default-v1", "the same on a host with cgroup v1", func(f *runFlags) {
			f.Mount, f.Args = new(at("full")), []string{"sh"}
		}, nil, 1, false, admin},
		{"host-tree", "tincan --no-cgroup -- bash -l, on a terminal", func(f *runFlags) {
			f.Args, f.NoCgroup = []string{"bash", "-l"}, true
		}, func(c *config, d *fds) { c.console, d.handOver = "/dev/pts/3", true }, 0, true, admin},
		{"tutorial", "the tutorial's own last test: tincan -u 0 -m ROOT -a /lib64:/lib64 -a /lib:/lib -c /bash", func(f *runFlags) {
			f.Mount, f.Command = new(at("root")), new("/bash")
			f.Add = []string{at("src") + ":/lib64", at("src") + ":/lib"}
		}, nil, 1, false, admin},
		{"read-only", "--ro, a root without mount points, files added", func(f *runFlags) {
			f.Mount, f.Ro, f.NoCgroup, f.Args = new(at("root")), true, true, []string{"/usr/bin/id"}
			f.Add = []string{at("file") + ":/etc-file:ro", at(`a\:b`) + ":/tmp/deep/a", "/dev/null:/tmp/null", at("src") + `:/with\:colon`}
			f.Tmpfs = []string{"/work:64M", "/tmp/scratch"}
		}, nil, 0, false, admin},
		{"no-init", "--no-init --net=host, another user, limits of every kind", func(f *runFlags) {
			f.Mount, f.Args, f.Init, f.Net = new(at("full")), []string{"/bin/echo", "a b", "\"\n\x01"}, false, "host"
			f.UID, f.GID, f.Map = 1000, new(100), []string{"0:200000:65536"}
			f.Memory, f.Swap, f.Pids, f.CPUWeight, f.CPUs, f.IOWeight = "64M", "max", "max", "100", "1.5", "500"
			f.Rlimit = []string{"nofile=1024:4096", "core=0", "as=max"}
			f.CapAdd, f.CapDrop = []string{"sys_nice"}, []string{"CAP_CHOWN", "net_raw"}
			f.Seccomp, f.Workdir, f.Hostname = "none", "/tmp", "box"
			f.Env = []string{"A=1", "PATH=/bin"}
		}, nil, 2, false, admin},
		{"host-root", "--map=0:0:1000 -u 500: the host's root is root inside", func(f *runFlags) {
			f.Mount, f.Args, f.NoCgroup = new(at("full")), []string{"id"}, true
			f.Map, f.UID = []string{"0:0:1000"}, 500
		}, nil, 0, false, admin},
		{"bare", "--cap-drop=ALL --pass-fd=4 --pass-fd=6 <FILE, and a file added where there are no directories yet", func(f *runFlags) {
			f.Add = []string{at("file") + ":/new/deep/file"}
			f.Mount, f.Args, f.NoCgroup, f.CapDrop = new(at("full")), []string{"true"}, true, []string{"ALL"}
		}, func(c *config, _ *fds) {
			c.passFDs, c.inputs = []int{4, 6}, []inputFile{{fd: 0, name: "/home/joe/a file", position: 6}}
		}, 0, false, admin},
		{"apparmor", "--apparmor=boxed, with the system call", func(f *runFlags) {
			f.Mount, f.Args, f.NoCgroup = new(at("full")), []string{"true"}, true
		}, func(c *config, _ *fds) { c.apparmor = appArmor{"boxed", true} }, 0, false, admin},
		{"apparmor-file", "--apparmor=boxed, before Linux 6.8", func(f *runFlags) {
			f.Mount, f.Args, f.NoCgroup = new(at("full")), []string{"true"}, true
		}, func(c *config, _ *fds) { c.apparmor = appArmor{profile: "boxed"} }, 0, false, admin},
		{"idmapped", "directories of other users, :idmap", func(f *runFlags) {
			f.Mount, f.Args, f.NoCgroup = new(at("full")), []string{"true"}, true
			f.Add = []string{at("src") + ":/tmp/one:idmap", at("src/sub") + ":/tmp/two:ro:idmap"}
		}, func(c *config, _ *fds) {
			for i, uid := range []uint32{1000, 1001} {
				owner := []idMap{{uid, 10000, 1}}
				c.adds[i].idmap, c.adds[i].owner = i+1, owner
				c.idmaps = append(c.idmaps[:i], idmapping{owner, []idMap{{100, 10000, 1}}})
			}
		}, 0, false, admin},
		{"ephemeral", "--ephemeral, a directory of root's", func(f *runFlags) {
			f.Mount, f.Args, f.NoCgroup, f.Ephemeral = new(at("root")), []string{"true"}, true, true
			f.Add = []string{at("src") + ":/opt/src"}
		}, func(c *config, _ *fds) {
			c.root.owner, c.root.idmap, c.idmaps = c.maps, 1, []idmapping{{c.maps, c.gidMaps}}
		}, 0, false, admin},
		{"ephemeral-host", "not root, --ephemeral on the host's tree, a path added that is not there", func(f *runFlags) {
			f.Args, f.NoCgroup, f.Ephemeral = []string{"true"}, true, true
			f.Add = []string{at("src") + ":/usr/local/new"}
		}, nil, 0, true, caller{uid: 2000, gid: 2000}},
		{"rootless-single", "not root, with no id but one's own: tincan -m ROOT -u 7 -- id", func(f *runFlags) {
			f.Mount, f.Args, f.NoCgroup, f.UID = new(at("full")), []string{"id"}, true, 7
		}, nil, 0, false, caller{uid: 2000, gid: 2000}},
		{"rootless-ranges", "not root, with ranges in /etc/subuid, and a group that systemd has delegated: tincan -m ROOT -u 33 -- id", func(f *runFlags) {
			f.Mount, f.Args, f.UID = new(at("full")), []string{"id"}, 33
		}, func(c *config, _ *fds) {
			c.group.delegated, c.group.leaf, c.group.keep = true, true, true
			c.group.parents = []groupParent{{dir: cgroupRoot + "/delegated"}}
		}, 2, false, user},
		{"rootless-map", "not root, with granted ids only, the host's tree and network: tincan --net=host --map=0:100000:1000 -- sh", func(f *runFlags) {
			f.Args, f.NoCgroup, f.Net, f.Map = []string{"sh"}, true, "host", []string{"0:100000:1000"}
		}, nil, 0, true, user},
	}
	was := asCaller
	defer func() { asCaller = was }()
	var out []goldenSet
	for _, s := range sets {
		f := &runFlags{Init: true, Net: "none", Seccomp: "default", Workdir: "/", Hostname: "blue-moon-7"}
		s.set(f)
		wanted := *f
		asCaller = new(s.who)
		f.NoCgroup = true // fakeGroup plans the resource group, below
		f.Memory, f.Swap, f.Pids, f.CPUWeight, f.CPUs, f.IOWeight = "", "", "", "", "", ""
		c, err := newConfig(f)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		c.console, c.inputs, c.pipes = "", nil, nil
		c.lastCap = unix.CAP_LAST_CAP
		c.ports = c.net == "none" // whatever the namespace in which the tests run
		c.group = fakeGroup(t, c.hostname, s.group, &wanted)
		d := &fds{group: make([]int, len(c.group.parents))}
		if s.change != nil {
			s.change(c, d)
		}
		y := &layout{root: root{dir: "/", host: true}, assembled: true, empty: true, adds: c.adds, entries: []rootEntry{
			{name: "bin", link: "usr/bin"}, {name: "dev", dir: true, covered: true}, {name: "etc", dir: true},
			{name: "home", dir: true, covered: true}, {name: "proc", dir: true, covered: true}, {name: "root", dir: true, covered: true},
			{name: "run", dir: true, covered: true}, {name: "swapfile"}, {name: "sys", dir: true, covered: true},
			{name: "tmp", dir: true, covered: true}, {name: "usr", dir: true}, {name: "var", dir: true},
		}}
		if c.ephemeral && s.hostTree {
			y.ephemeral, y.userOverlay, y.mounts = true, true, []lowerMount{{"/var/data", true}}
			y.missing = chains([]mountPoint{{target: "/usr/local/new", dir: true}})
			for i := range y.entries {
				e := &y.entries[i]
				e.overlay = e.name == "etc" || e.name == "usr"
			}
			y.entries[10].own = []string{"local", "local/new"}
		}
		if s.hostTree {
			y.sockets, y.interpreters = []string{"/var/lib/db/socket"}, []string{"/lib64/ld-linux-x86-64.so.2"}
			for _, p := range hostPrivate {
				y.private = append(y.private, privateDir{mountPoint{target: p.dir, dir: true}, p.mode, p.why})
			}
		} else {
			fd, err := c.root.open()
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			t.Cleanup(func() { unix.Close(fd) })
			if y, err = newLayout(c, fd); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
		plan := newPlan(c, y, d)
		out = append(out, goldenSet{s.name, s.about, plan, tmp})
	}
	return out
}

// withGrants makes an /etc that grants ids to the user joe, 1000, and the programs that map them.
func withGrants(t *testing.T, dir string) {
	t.Helper()
	was := hostEtc
	t.Cleanup(func() { hostEtc = was })
	hostEtc = filepath.Join(dir, "etc")
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	for name, text := range map[string]string{
		"etc/passwd":    "root:x:0:0:root:/root:/bin/sh\njoe:x:1000:100:Joe:/home/joe:/bin/sh\n",
		"etc/subuid":    "ann:200000:65536\njoe:100000:65536\n",
		"etc/subgid":    "# groups\njoe:100000:1000\njoe:101000:64536\n",
		"bin/newuidmap": "", "bin/newgidmap": "",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// fakeGroup plans the resource group of a host that has all controllers.
func fakeGroup(t *testing.T, name string, version int, f *runFlags) group {
	t.Helper()
	if version == 0 {
		return group{none: true}
	}
	l := new(limits)
	all := l.all()
	for i, value := range []string{f.Memory, f.Swap, f.Pids, f.CPUWeight, f.CPUs, f.IOWeight} {
		if err := all[i].parse(i, value); err != nil {
			t.Fatal(err)
		}
	}
	g := group{name: name, v2: version == 2}
	if g.v2 {
		g.parents = []groupParent{{dir: cgroupRoot}}
		if err := g.planV2(l, []string{"cpu", "io", "memory", "pids"}); err != nil {
			t.Fatal(err)
		}
		return g
	}
	// Version 1's files are searched for below the caller's own groups.
	tmp, mounts := t.TempDir(), v1Hierarchies{}
	own, err := ownGroups()
	if err != nil {
		t.Fatal(err)
	}
	for controller, file := range map[string]string{
		"memory": "memory.memsw.limit_in_bytes", "pids": "pids.max", "cpu": "cpu.shares", "blkio": "blkio.bfq.weight",
	} {
		m := v1Mount{options: "rw," + controller, point: filepath.Join(tmp, controller), root: "/"}
		mounts = append(mounts, m)
		dir := m.dir(own.of(controller))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.planV1(l, mounts, own); err != nil {
		t.Fatal(err)
	}
	for i := range g.parents {
		g.parents[i].dir = filepath.Join(cgroupRoot, g.parents[i].controller, "caller")
		g.parents[i].together = g.parents[i].controller
	}
	g.others = nil
	return g
}

// filterLength matches the filter's length. It differs between architectures, and has its own
// tests.
var filterLength = regexp.MustCompile(`\{len=\d+, filter=FILTER\}`)

// String returns the plan as it stands in the golden file.
func (g goldenSet) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", g.about)
	last, n := uint8(0), 0
	for i := range g.plan {
		s := g.plan[i]
		if strings.HasPrefix(s.String(), `write("/sys/fs/cgroup/`) && strings.Contains(s.String(), `cgroup.subtree_control", "+`) && !strings.Contains(s.String(), ".keep/") {
			continue // depends on which controllers this host has enabled
		}
		n++
		if s.chapter != last {
			last = s.chapter
			fmt.Fprintf(&b, "\n## step %d: %s\n", last, chapters[last].title)
		}
		fmt.Fprintf(&b, "%-7s %s%s\n", s.actor, s, tolerated(s))
	}
	text := strings.ReplaceAll(b.String(), g.tmp, "/srv")
	return filterLength.ReplaceAllString(text, "{len=N, filter=FILTER}")
}

// TestGoldenPlans compares the plans with the files.
func TestGoldenPlans(t *testing.T) {
	for _, set := range goldenSets(t) {
		t.Run(set.name, func(t *testing.T) {
			file := filepath.Join("testdata", set.name+".golden")
			got := set.String()
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g, w := sections(got), sections(string(want))
			for i := range max(len(g), len(w)) {
				a, b := "", ""
				if i < len(g) {
					a = g[i]
				}
				if i < len(w) {
					b = w[i]
				}
				if a != b {
					t.Errorf("%s: want\n%s\n\ngot\n%s\nif this change is intended: go test -run TestGoldenPlans -update", file, b, a)
					return
				}
			}
		})
	}
}

// sections returns the chapters of a golden file, in the plan's order.
func sections(s string) []string { return strings.Split(s, "\n## ") }

// TestPlansInvariants checks what must hold for every plan, whatever its options.
func TestPlansInvariants(t *testing.T) {
	for _, set := range goldenSets(t) {
		t.Run(set.name, func(t *testing.T) {
			where := map[string]int{}
			for i := range set.plan {
				s := set.plan[i]
				text := s.String()
				if int(s.chapter) >= len(chapters) || chapters[s.chapter].title == "" {
					t.Errorf("%s: chapter %d has no title", text, s.chapter)
				}
				if s.actor == after {
					continue // ledger.go removes what the run has made
				}
				if s.call == "" || (s.actor == host) != (s.kind >= writesFile) {
					t.Errorf("%s: its kind and its actor disagree on whether the launcher or the child makes the call", text)
				}
				// An errno that counts as success must mean "not there" or "already there", never
				// "not allowed". ENOSYS is allowed for keyctl, because a kernel without keys has no
				// session keyring.
				may := unix.Errno(s.may)
				if may != 0 && (may != unix.ENOSYS || s.call != "keyctl") && may != unix.ENOENT && may != unix.EEXIST && may != unix.EPIPE {
					t.Errorf("%s: must not tolerate %v", text, may)
				}
				if may == unix.ENOENT && s.call != "execve" && s.kind != opensProgram && !strings.Contains(text, `"/var/lib/db/socket"`) && !strings.Contains(text, `"/proc/`) && !strings.Contains(text, `"/sys/`) {
					t.Errorf("%s: must not tolerate ENOENT", text)
				}
				key := s.call
				if s.call == "unshare" || s.call == "prctl" || s.call == "mount" {
					key = text
				}
				if _, ok := where[key]; !ok || s.call != "execve" {
					where[key] = i
				}
			}
			before := func(a, b string) {
				t.Helper()
				x, ok := where[a]
				y, ok2 := where[b]
				if !ok || !ok2 || x >= y {
					t.Errorf("%s (%v, step %d) is not before %s (%v, step %d)", a, ok, x+1, b, ok2, y+1)
				}
			}
			before("pivot_root", "umount2")
			before(`mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)`, "umount2")
			before("umount2", "unshare(CLONE_NEWUSER)")
			if _, ok := where["setgroups"]; ok { // with a single id the kernel denies it
				before("unshare(CLONE_NEWUSER)", "setgroups")
				before("setgroups", "setresgid")
			}
			before("setresgid", "setresuid")
			before("setresuid", "capset")
			before("capset", "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)")
			before("prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)", "prlimit64")
			before("prlimit64", "close_range")
			before("close_range", "rt_sigprocmask")
			before("rt_sigprocmask", "execve")
			// The command looks nothing up before the launcher has looked at the mounts.
			asks := slices.IndexFunc(set.plan, func(s *step) bool { return s.kind == startsCommand })
			if asks < 0 || set.plan[asks+1].actor != command || set.plan[asks+1].String() != `read(SOCKET, "\1", 1)` || set.plan[asks+1].least != 1 {
				t.Errorf("step %d lets the command start, and the next one does not wait for it", asks+1)
			}
			for i, s := range set.plan {
				early := i < asks && (s.kind == opensProgram || s.kind == changesDir || s.kind == executes)
				if late := i > asks && (s.kind == makesMount || s.kind == changesMount || s.kind == pivots); early || late {
					t.Errorf("%s comes on the wrong side of the look at the mounts", s)
				}
			}
			if i, ok := where["seccomp"]; ok && i+1 != where["execve"] {
				t.Errorf("seccomp is step %d, and the first execve %d: nothing may come between", i+1, where["execve"]+1)
			}
		})
	}
}
