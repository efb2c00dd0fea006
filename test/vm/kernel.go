// Package vm boots Debian's kernels in qemu, with tincan as PID 1 of the machine, and reports how
// the boot ended.
//
// kernel.go fetches a kernel, extract.go and modules.go take from it what a boot needs, image.go
// makes the initramfs with `tincan initramfs`, boot.go boots it and determines how it ended,
// suite.go reads the output of tests that ran inside. The tests are in the files called _test.go;
// guest/ has those that run inside the machine, runner/ the program that runs them there.
package vm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kernel is one of Debian's kernels, unpacked below the cache directory.
type Kernel struct {
	Arch    string // Debian's and Go's name: amd64, arm64
	Release string // as uname -r prints it
	Image   string // the file that qemu boots
	tree    string // the unpacked package
}

// Newest stands for the newest kernel that Debian's configured sources offer.
const Newest = "newest"

// cacheDir returns <module>/.cache/vm, which git ignores.
func cacheDir() (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".cache", "vm"), nil
		}
		dir = filepath.Dir(dir)
	}
	return "", fmt.Errorf("no go.mod above the working directory: %v", err)
}

// FetchKernel returns the current cloud kernel of a series ("6.12", or Newest) for an architecture.
// It downloads a kernel once, and installs nothing; it only reads the machine's apt configuration.
// Without a network it uses a kernel in the cache.
func FetchKernel(arch, series string) (*Kernel, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, arch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	a := apt{arch: arch, dir: filepath.Join(dir, "apt")}
	offered, aptErr := a.kernels()
	name := pick(offered, series)
	if name == "" { // no network or no lists: use the cache
		old, _ := filepath.Glob(filepath.Join(dir, "linux-image-*", "complete"))
		for i := range old {
			old[i] = filepath.Base(filepath.Dir(old[i]))
		}
		if name = pick(old, series); name == "" {
			return nil, fmt.Errorf("no linux-image-%s-*cloud-%s in Debian's sources: %v", series, arch, errors.Join(aptErr, fmt.Errorf("these are offered: %q", offered)))
		}
	}
	tree := filepath.Join(dir, name)
	if _, err := os.Stat(filepath.Join(tree, "complete")); err != nil {
		if err := a.unpack(name, tree); err != nil {
			return nil, err
		}
	}
	release := strings.TrimPrefix(name, "linux-image-")
	k := &Kernel{Arch: arch, Release: release, tree: tree}
	k.Image, err = bootable(filepath.Join(tree, "boot", "vmlinuz-"+release), filepath.Join(tree, "vmlinux"))
	return k, err
}

// pick returns the newest name of the series.
func pick(names []string, series string) string {
	best := ""
	for _, n := range names {
		if (series == Newest || strings.HasPrefix(n, "linux-image-"+series+".")) && (best == "" || slices.Compare(numbers(n), numbers(best)) > 0) {
			best = n
		}
	}
	return best
}

// numbers returns all numbers in a name, for comparing versions. The architecture's number comes
// last and is the same in all names.
func numbers(name string) (out []int) {
	for _, s := range regexp.MustCompile(`[0-9]+`).FindAllString(name, -1) {
		n, _ := strconv.Atoi(s)
		out = append(out, n)
	}
	return out
}

// apt runs apt for this machine's architecture or another one.
type apt struct {
	arch, dir string
}

// options returns apt's options: for another architecture, they put its lists and state into the
// cache.
func (a apt) options() []string {
	o := []string{"-q", "-o", "APT::Sandbox::User=root"}
	if a.arch == runtime.GOARCH {
		return o
	}
	for _, v := range []string{
		"APT::Architecture=" + a.arch, "APT::Architectures=" + a.arch,
		"Dir::State=" + a.dir, "Dir::State::lists=" + filepath.Join(a.dir, "lists"), "Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"Dir::State::status=/dev/null", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", "Acquire::Languages=none",
	} {
		o = append(o, "-o", v)
	}
	return o
}

// run runs a program of apt in a directory, and returns its output.
func (a apt) run(dir, program string, args ...string) (string, error) {
	c := exec.Command(program, append(a.options(), args...)...)
	c.Dir = dir
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %.500s", program, strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

// update fetches the lists of another architecture, at most once a day.
func (a apt) update() error {
	if a.arch == runtime.GOARCH {
		return nil
	}
	stamp := filepath.Join(a.dir, "updated")
	if fi, err := os.Stat(stamp); err == nil && time.Since(fi.ModTime()) < 24*time.Hour {
		return nil
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	if _, err := a.run(a.dir, "apt-get", "update"); err != nil {
		return err
	}
	return os.WriteFile(stamp, nil, 0o644)
}

// kernels returns the packages on which the meta-packages of cloud kernels depend.
func (a apt) kernels() ([]string, error) {
	err := a.update() // old lists are better than none
	found, searchErr := a.run("", "apt-cache", "search", "--names-only", `^linux-image-([0-9.]+-)?cloud-`+a.arch+`$`)
	if err = errors.Join(err, searchErr); searchErr != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(found) {
		meta, _, _ := strings.Cut(line, " ")
		depends, e := a.run("", "apt-cache", "depends", meta)
		err = errors.Join(err, e)
		for _, word := range strings.Fields(depends) {
			if strings.HasPrefix(word, "linux-image-") && word != meta {
				out = append(out, word)
			}
		}
	}
	return out, err
}

// unpack downloads a package and unpacks it. The tree is made completely or not at all.
func (a apt) unpack(name, tree string) error {
	part := tree + ".part"
	os.RemoveAll(part)
	os.RemoveAll(tree)
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if _, err := a.run(part, "apt-get", "download", name); err != nil {
		return err
	}
	debs, _ := filepath.Glob(filepath.Join(part, "*.deb"))
	if len(debs) != 1 {
		return fmt.Errorf("apt-get download %s left %q", name, debs)
	}
	if out, err := exec.Command("dpkg-deb", "-x", debs[0], part).CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb -x %s: %w: %s", debs[0], err, out)
	}
	os.Remove(debs[0])
	if err := os.WriteFile(filepath.Join(part, "complete"), nil, 0o644); err != nil {
		return err
	}
	return os.Rename(part, tree)
}

// FetchPackages unpacks packages of an architecture into one directory, for instance a static
// busybox for another architecture.
func FetchPackages(arch string, names ...string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, arch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	a := apt{arch: arch, dir: filepath.Join(dir, "apt")}
	root := filepath.Join(dir, "packages")
	for _, name := range names {
		stamp := filepath.Join(root, "unpacked", name)
		if exists(stamp) {
			continue
		}
		if err := a.update(); err != nil {
			return "", err
		}
		if err := a.unpack(name, root+"."+name); err != nil {
			return "", err
		}
		if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
			return "", err
		}
		if out, err := exec.Command("cp", "-a", root+"."+name+"/.", root).CombinedOutput(); err != nil {
			return "", fmt.Errorf("cp: %w: %s", err, out)
		}
		os.RemoveAll(root + "." + name)
		if err := os.WriteFile(stamp, nil, 0o644); err != nil {
			return "", err
		}
	}
	return root, nil
}
