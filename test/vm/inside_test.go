// Runs the tests of guest/ inside a machine, and the tests of ../ that drive tincan.
package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// notInside lists the tests of ../ that are not run in the machine, with the reason.
var notInside = []struct{ name, why string }{
	{"TestHostPrograms", "it runs this machine's go, gcc, python, node and git"},
	{"TestRecordedPrograms", "it runs this machine's programs"},
	{"TestRecordIsComplete", "it runs this machine's programs"},
	{"TestRecordForRunc", "it runs runc and crun"},
	{"TestRecordIsOCI", "it downloads the schema, and there is no network inside"},
	{"TestRecord32Bit", "it compiles a program"},
	{"TestRecordFiles", "it compiles the AppArmor profile"},
	{"TestDebianTree", "it downloads packages, and there is no network inside"},
	{"TestDemo", "its script is not part of the image"},
	{"TestUserDemo", "its script is not part of the image"},
	{"TestTutorial", "its page and the source are not part of the image"},
	{"TestPages", "the pages are not part of the image"},
	{"TestRecipes", "the pages are not part of the image"},
	{"TestTreeFromDocker", "the pages are not part of the image"},
	{"TestChildrenDoTheSameWithAndWithoutTheRuntime", "it builds the program"},
	{"TestRecordInjectsNothing", "it takes apparmor_parser; TestAppArmorRecorded loads such a profile inside"},
	{"TestRecordSocketcall", "it takes a compiler, and is about the filter, which is the same on every kernel"},
	{"TestAptInATree", "it downloads packages, and there is no network inside"},
	{"TestFirstDay", "it runs this machine's programs, and its messages are the same on every kernel"},
	{"TestTutorialByPipe", "it tests the tutorial's command line, which is the same on every kernel"},
	{"TestTutorialOnTerminal", "it tests the tutorial's command line, which is the same on every kernel"},
	{"TestBadInput", "it tests the command line, which is the same on every kernel"},
	{"TestEachFlagWrong", "it tests the command line, which is the same on every kernel"},
	{"TestHostileArguments", "it tests the command line, which is the same on every kernel"},
	{"TestHole41LongProfiles", "it tests the reading of profiles, which is the same on every kernel"},
	{"TestAdvice", "it runs this machine's programs, and its messages are the same on every kernel"},
	{"TestFewProcesses", "it takes prlimit, and is about the start of Go's runtime"},
	{"TestNamedUser", "it looks up names of Debian's /etc/passwd"},
	{"TestOpenFiles", "it tests the limit of tincan's own descriptors, which is the same on every kernel"},
	{"TestHostileIDFiles", "it tests the reading of subuid files, which is the same on every kernel"},
	{"TestHostileProfiles", "it tests the reading of profiles, which is the same on every kernel"},
}

// fullOnly lists the tests of ../ that are run in the machine only with FULL=1. They take a third of
// all tests' time there, and this machine runs them too.
var fullOnly = []struct{ name, why string }{
	{"TestUserHelpers", "it is about newuidmap, which is the same on every kernel"},
	{"TestSetIDPrograms", "it searches 100,000 files in a way that is the same on every kernel"},
	{"TestHere", "TestIdmappedAdd of guest/ tests what the kernel does for --here"},
	{"TestRecordPrograms", "it starts a hundred programs; other tests record inside"},
	{"TestRecordIsBounded", "it is about the memory of tincan itself"},
	{"TestHole23DotDot", "of the races, TestHole23ModeOfAnyFile and TestHole25AttributesByName run inside"},
	{"TestHole24EntrySwapped", "of the races, TestHole23ModeOfAnyFile and TestHole25AttributesByName run inside"},
	{"TestHole25MasksSwapped", "of the races, TestHole23ModeOfAnyFile and TestHole25AttributesByName run inside"},
	{"TestHole32ImageFilesSwapped", "it is about tincan initramfs, which only reads and writes files"},
	{"TestHole29WatcherThatDoesNotRead", "it waits for deadlines of seconds, which are tincan's own"},
	{"TestHole39OwnFileInside", "it runs tincan once for each way to write a path"},
}

// ownMachine are the tests that each get their own machine.
var ownMachine = []string{"TestAsUser", "TestAsUserRanges"}

// suite is a kernel, and what is tested on it.
type suite struct {
	arch, series string
	main         bool // everything; otherwise only the tests of guest/, with -test.short
}

// suites returns everything for the default kernel, and for the others the tests that depend on the
// kernel.
func suites() []suite {
	arch := archUnderTest()
	all := []suite{{arch, "6.12", true}, {arch, "6.1", full}, {arch, Newest, full}}
	if os.Getenv("TINCAN_VM_ARCH") == "" {
		all = append(all, suite{map[string]string{"amd64": "arm64", "arm64": "amd64"}[arch], "6.12", false})
	}
	return all
}

// TestInside boots a machine for each job. The jobs of all kernels run in parallel, because
// otherwise a processor would be idle at the end of each kernel's jobs.
func TestInside(t *testing.T) {
	t.Parallel()
	done := map[string]bool{}
	for _, s := range suites() {
		k := kernel(t, s.arch, s.series)
		inside := func(name string, run func(t *testing.T)) {
			t.Run(s.arch+"-"+s.series+"/"+name, func(t *testing.T) {
				t.Parallel()
				run(t)
			})
		}
		if done[k.Arch+k.Release] {
			t.Logf("%s-%s: Linux %s is the newest kernel that is offered, and is already tested", s.arch, s.series, k.Release)
			continue
		}
		done[k.Arch+k.Release] = true
		if s.main {
			inside("driver", func(t *testing.T) { s.runDriver(t, k) })
			for _, as := range ownMachine {
				inside(as, func(t *testing.T) { s.runUser(t, k, as) })
			}
		}
		inside("guest", func(t *testing.T) { s.run(t, k, Job{Name: "guest"}, nil) })
	}
}

// userTests and rangesTests match the tests of ../ that an ordinary user runs. All of them would
// take a quarter of an hour.
const (
	userTests   = "Hole(29|3[0136]|40)|Defect0|Memory|Pids|GroupFiles|GroupName|NoCgroup|Rlimits|Stats|Exit" // depend on the kernel, or on groups of version 2
	rangesTests = "Memory|Pids|GroupFiles|GroupName|NoCgroup|Stats"                                          // depend on the groups
)

// runUser runs the tests of ../ inside again, as an ordinary user in a delegated group.
func (s suite) runUser(t *testing.T, k *Kernel, as string) {
	j := Job{Name: "driver", Only: "^" + as + "$", Env: []string{"TINCAN_TEST_BIN=/init", "TINCAN_TEST_PROBE=/vm/probe", "TINCAN_TEST_PROFILES=/vm/profiles", "TINCAN_TEST_RACES=8", "MUST_WORK=1"}}
	add, without := s.leaveOut(t, &j)
	j.Env = append(j.Env, "TINCAN_TEST_SKIP="+skipPattern(without))
	if pattern := map[string]string{"TestAsUser": userTests, "TestAsUserRanges": rangesTests}[as]; !full {
		j.Env = append(j.Env, "TINCAN_TEST_RUN="+pattern)
	}
	s.run(t, k, j, add)
}

// runDriver runs the tests of ../ inside.
func (s suite) runDriver(t *testing.T, k *Kernel) {
	j := Job{Name: "driver", Env: []string{"TINCAN_TEST_BIN=/init", "TINCAN_TEST_PROBE=/vm/probe", "TINCAN_TEST_PROFILES=/vm/profiles", "TINCAN_TEST_RACES=8", "MUST_WORK=1"}}
	add, without := s.leaveOut(t, &j)
	j.Skip = append(without, ownMachine...)
	s.run(t, k, j, add)
}

// leaveOut skips the tests of ../ that cannot run inside, by name, and returns their names. If
// there is a compiler for ../holes/holes.c, it also returns that program as a file to add.
func (s suite) leaveOut(t *testing.T, j *Job) (add, names []string) {
	t.Helper()
	left := notInside
	if !full {
		left = append(left[:len(left):len(left)], fullOnly...)
	}
	for _, n := range left {
		names = append(names, n.name)
		t.Run(n.name, func(t *testing.T) { t.Skipf("not inside: %s", n.why) })
	}
	if holes := attackProgram(t, s.arch); holes != "" {
		j.Env = append(j.Env, "TINCAN_TEST_HOLES=/vm/holes")
		return []string{holes + ":/vm/holes"}, names
	}
	for _, name := range []string{"TestHoles1To8", "TestSeccompLog", "TestRecordKeepsTheFilter"} {
		names = append(names, name)
		t.Run(name, func(t *testing.T) {
			skip(t, "a C compiler for %[1]s (apt-get install gcc-%[2]s libc6-dev-%[1]s-cross)", s.arch, strings.ReplaceAll(triplet[s.arch], "_", "-"))
		})
	}
	return nil, names
}

// run boots a machine with the job, and reports the job's tests.
func (s suite) run(t *testing.T, k *Kernel, j Job, add []string) {
	pkg := map[string]string{"guest": "./guest", "driver": ".."}[j.Name]
	j.Dir = "/vm"
	j.Line = []string{"/vm/" + j.Name + ".test", "-test.v=test2json", "-test.skip", skipPattern(j.Skip)}
	if j.Only == "" {
		j.Only = os.Getenv("TINCAN_VM_RUN")
	}
	if j.Only != "" {
		j.Line = append(j.Line, "-test.run", j.Only)
	}
	if !s.main || j.Name == "driver" && !full {
		j.Line = append(j.Line, "-test.short")
	}
	var modules []string
	if j.Name == "driver" {
		modules = []string{"overlay"}                            // --ephemeral needs it
		j.Tmpfs = []string{"/root", "/home", "/srv", "/var/tmp"} // TestHere makes directories there
	}
	i := image(t, k, modules...)
	i.Add = append(add,
		machineTree(t, s.arch).Dir+":/",
		program(t, s.arch, pkg, true)+":/vm/"+j.Name+".test",
		program(t, s.arch, "./runner", false)+":/vm/runner",
		program(t, s.arch, "../probe", false)+":/vm/probe",
		rootfs(t, s.arch)+":/vm/rootfs",
		"../../testdata/profiles:/vm/profiles",
		policy(t)+":/vm/apparmor.bin",
		recordedPolicy(t)+":/vm/recorded",
		jsonFile(t, []Job{j})+":/vm/jobs.json")
	o := boot(t, Machine{Kernel: k, Initrd: written(t, i), Args: []string{"--no-container", "/vm/runner"}, Memory: 1536, Disk: disk(t), Within: 20 * time.Minute})
	t.Logf("Linux %s: %.0f seconds, %.0f seconds of processor time", k.Release, o.Took.Seconds(), o.CPU.Seconds())
	r := parseReports(o.Tests)[j.Name]
	if r == nil {
		t.Fatalf("the job never began: %v", o)
	}
	r.show(t)
	if o.Kind != Verdict || o.Result.Status != 0 && !t.Failed() {
		t.Errorf("how the machine ended: %v", o)
	}
}

// triplet is the prefix of a compiler's name for an architecture.
var triplet = map[string]string{"arm64": "aarch64-linux-gnu", "amd64": "x86_64-linux-gnu"}

// attackProgram compiles ../holes/holes.c. It returns "" if there is no compiler for the
// architecture.
func attackProgram(t *testing.T, arch string) string {
	t.Helper()
	cc := "cc"
	if arch != hostArch {
		cc = triplet[arch] + "-gcc"
		if _, err := exec.LookPath(cc); err != nil {
			return ""
		}
	}
	out := filepath.Join(t.TempDir(), "holes")
	if text, err := exec.Command(cc, "-static", "-O1", "-pthread", "-o", out, "../holes/holes.c").CombinedOutput(); err != nil {
		skip(t, "a C compiler and static C library (apt-get install gcc libc6-dev): %v\n%s", err, text)
	}
	return out
}

// machineTree returns the machine's root: busybox, and the programs that the tests need and busybox
// lacks or does differently.
func machineTree(t *testing.T, arch string) Tree {
	t.Helper()
	tree, err := NewTree(filepath.Join(t.TempDir(), "machine"))
	if err != nil {
		t.Fatal(err)
	}
	file, names := busybox(t, arch)
	if err := tree.Busybox(file, names); err != nil {
		t.Fatal(err)
	}
	sysroot := "/"
	if arch != hostArch {
		sysroot = packages(t, arch)
	}
	for _, p := range []string{"bash", "dash", "unshare", "setpriv", "strace", "perl", "mount", "umount", "ls"} {
		if err := tree.Program(sysroot, p); err != nil {
			skip(t, "%v", err)
		}
	}
	for _, p := range []string{"newuidmap", "newgidmap"} {
		if err := tree.Program(sysroot, p); err != nil {
			skip(t, "%v: apt-get install uidmap", err)
		}
		if err := os.Chmod(filepath.Join(tree.Dir, "usr/bin", p), 0o755|os.ModeSetuid); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.Copy(filepath.Join(tree.Dir, "usr/bin/dash"), "/usr/bin/sh"); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"/etc/passwd":   "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
		"/etc/group":    "root:x:0:\ntty:x:5:\n",
		"/etc/shadow":   "root:*:20000:0:99999:7:::\n",
		"/etc/hostname": "machine\n",
	} {
		if err := tree.Write(file, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(tree.Dir, "etc/shadow"), 0o600); err != nil {
		t.Fatal(err)
	}
	return tree
}
