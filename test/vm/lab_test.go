// What the tests of this package share: the programs, built once for each architecture, and the
// images. Tests that need qemu or a kernel say so and skip if this machine has none.
package vm

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// skip skips the test because something is missing. With MUST_WORK=1 it fails the test instead.
func skip(t *testing.T, format string, a ...any) {
	t.Helper()
	if os.Getenv("MUST_WORK") == "1" {
		t.Fatalf("MUST_WORK=1, and missing: "+format, a...)
	}
	t.Skipf("missing: "+format, a...)
}

// archUnderTest returns this machine's architecture, or that of make test-vm ARCH=....
func archUnderTest() string {
	if a := os.Getenv("TINCAN_VM_ARCH"); a != "" {
		return a
	}
	return hostArch
}

// hostArch is this machine's architecture.
const hostArch = runtime.GOARCH

// full is set by make test-vm FULL=1: everything is tested on every kernel.
var full = os.Getenv("TINCAN_VM_FULL") != ""

// testDir is the directory for everything that is built. TestMain removes it.
var testDir string

// TestMain makes the directory and runs the tests.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tincan-vm-test-")
	if err != nil {
		panic(err)
	}
	testDir = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// kernel fetches a kernel, or skips the test.
func kernel(t *testing.T, arch, series string) *Kernel {
	t.Helper()
	if _, err := QEMU(arch); err != nil {
		skip(t, "%v", err)
	}
	fetching.Lock() // apt fails instead of waiting for its own locks
	defer fetching.Unlock()
	k, err := FetchKernel(arch, series)
	if err != nil {
		skip(t, "a kernel from Debian: %v", err)
	}
	return k
}

// fetching is held while apt runs.
var fetching sync.Mutex

// program builds a package, once for each architecture, and returns the file's name.
func program(t *testing.T, arch, pkg string, test bool) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	out := filepath.Join(testDir, arch+"-"+strings.NewReplacer("/", "_", ".", "").Replace(pkg))
	if test {
		out += ".test"
	}
	if exists(out) {
		return out
	}
	if err := Build(arch, out, pkg, test); err != nil {
		t.Fatal(err)
	}
	return out
}

// building is held while a package is built.
var building sync.Mutex

// image returns an Image with tincan for the kernel's architecture, the drivers of virtio that the
// kernel has as modules, and more modules.
func image(t *testing.T, k *Kernel, more ...string) Image {
	t.Helper()
	modules, err := k.Modules(append([]string{"virtio_pci", "virtio_console", "virtio_blk"}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return Image{Tincan: program(t, hostArch, "tincan", false), Init: program(t, k.Arch, "tincan", false), Modules: modules}
}

// written writes an image to a file.
func written(t *testing.T, i Image) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.cpio")
	if err := i.Write(file); err != nil {
		t.Fatal(err)
	}
	return file
}

// busybox returns the file of a static busybox, and the names of its commands.
func busybox(t *testing.T, arch string) (file string, names []string) {
	t.Helper()
	out, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		skip(t, "/bin/busybox (%v): apt-get install busybox-static", err)
	}
	for n := range strings.FieldsSeq(string(out)) {
		if n != "busybox" {
			names = append(names, n)
		}
	}
	if arch == hostArch {
		return "/bin/busybox", names
	}
	return filepath.Join(packages(t, arch), "bin/busybox"), names
}

// packages returns a directory with programs for another architecture, and with their libraries.
func packages(t *testing.T, arch string) string {
	t.Helper()
	fetching.Lock()
	defer fetching.Unlock()
	dir, err := FetchPackages(arch, strings.Fields("busybox-static coreutils libacl1 libattr1 libgmp10 libssl3 bash dash util-linux mount strace perl-base libc6 libcrypt1 libtinfo6 libunwind8 liblzma5 libgcc-s1 "+
		"libmount1 libblkid1 libselinux1 libpcre2-8-0 libcap-ng0 libsmartcols1 zlib1g uidmap libaudit1")...)
	if err != nil {
		skip(t, "packages for %s: %v", arch, err)
	}
	return dir
}

// rootfs returns a root directory with a static busybox and nothing else.
func rootfs(t *testing.T, arch string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rootfs")
	for _, d := range []string{"bin", "etc"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file, names := busybox(t, arch)
	tree := Tree{dir}
	if err := tree.Copy(file, "/bin/busybox"); err != nil {
		t.Fatal(err)
	}
	if err := tree.Write("/etc/mine", "the user's own\n"); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", n)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// needAdminProgram returns the path of a program that may be in /sbin, which is not in every PATH. If
// the program is not installed, it skips the test.
func needAdminProgram(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path = "/sbin/" + name; !exists(path) {
			skip(t, "%s: apt-get install %s", name, pkg)
		}
	}
	return path
}

// disk returns a file with an empty ext4 file system.
func disk(t *testing.T) string {
	t.Helper()
	mkfs := needAdminProgram(t, "mkfs.ext4", "e2fsprogs")
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 64<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, "-q", "-O", "^has_journal", file).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	return file
}

// policy compiles the AppArmor profile of this directory, and returns the file.
func policy(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "apparmor.bin")
	compilePolicy(t, "apparmor.profile", out)
	return out
}

// compilePolicy compiles an AppArmor profile.
func compilePolicy(t *testing.T, profile, out string) {
	t.Helper()
	if text, err := exec.Command(needAdminProgram(t, "apparmor_parser", "apparmor"), "-Q", "-K", "-o", out, profile).CombinedOutput(); err != nil {
		t.Fatalf("apparmor_parser: %v: %s", err, text)
	}
}

// recordedScript is recorded on this machine, and runs under the recorded profile in the virtual
// machine.
const recordedScript = "cat /etc/mine; echo one | sort; mkdir /tmp/d && echo x >/tmp/d/f && cat /tmp/d/f; ls /bin >/dev/null; cat /proc/self/attr/current 2>/dev/null; true"

// recorded is what tincan record has said and written.
var recorded struct {
	sync.Once
	said    string
	profile []byte
}

// recordedPolicy returns a directory with the script, and with the compiled AppArmor profile that
// tincan record has written for it. The paths in it do not depend on the machine.
func recordedPolicy(t *testing.T) string {
	t.Helper()
	work, dir := t.TempDir(), t.TempDir()
	profile := filepath.Join(work, "recorded.aa")
	recorded.Do(func() {
		// On a busy machine, a signal may interrupt a call that the recorder has not yet received,
		// and the shell does not expect that of fork: docs/record.md.
		for try := 0; try < 5 && (try == 0 || strings.Contains(recorded.said, "Interrupted system call")); try++ {
			record := exec.Command(program(t, hostArch, "tincan", false), "record", "--no-cgroup", "-m", rootfs(t, hostArch), "--apparmor-out="+profile, "--", "sh", "-c", recordedScript)
			text, err := record.CombinedOutput()
			if recorded.said = fmt.Sprintf("%s%v", text, err); err == nil {
				recorded.profile, _ = os.ReadFile(profile)
				break
			}
		}
	})
	if err := os.WriteFile(profile, recorded.profile, 0o644); err != nil || recorded.profile == nil {
		t.Fatalf("tincan record: %v: %s", err, recorded.said)
	}
	compilePolicy(t, profile, filepath.Join(dir, "bin"))
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(recordedScript), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// jsonFile writes a value to a file as JSON, and returns the file's name.
func jsonFile(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// boot boots a machine, and fails the test if that is impossible.
func boot(t *testing.T, m Machine) Outcome {
	t.Helper()
	o, err := m.Boot()
	if err != nil {
		t.Fatal(err)
	}
	if o.Repeats > 0 {
		t.Logf("the kernel died before it started init, and was booted again")
	}
	return o
}
