// The files of an installation and of a release. A release has the same bytes wherever and whenever
// it is built.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// installed lists the files of make install below PREFIX, with their modes.
var installed = func() map[string]fs.FileMode {
	files := map[string]fs.FileMode{
		"bin/tincan": 0o755, "share/man/man1/tincan.1": 0o644,
		"share/bash-completion/completions/tincan": 0o644, "share/zsh/site-functions/_tincan": 0o644, "share/fish/vendor_completions.d/tincan.fish": 0o644,
		"share/doc/tincan/LICENSE": 0o644, "share/doc/tincan/docs/bench.svg": 0o644,
	}
	pages, _ := filepath.Glob("docs/*.md")
	for _, page := range append(pages, "README.md", "SECURITY.md", "TUTORIAL.md") {
		files["share/doc/tincan/"+page] = 0o644
	}
	return files
}()

// sourceTree copies the source to a directory. All files of the copy get the given time.
func sourceTree(t *testing.T, dir string, times time.Time) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		name := e.Name()
		switch {
		case err != nil:
			return err
		case path != "." && name[0] == '.' && e.IsDir() || path == "dist":
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(dir, path), 0o755)
		case path == "tincan" || !e.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, path), text, 0o644)
		}
		if err == nil {
			err = os.Chtimes(filepath.Join(dir, path), times, times)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// runIn runs a program in a directory, with additions to the environment.
func runIn(t *testing.T, dir string, env []string, line ...string) string {
	t.Helper()
	c := exec.Command(shell(t, line[0]), line[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), append([]string{"MAKEFLAGS=", "MAKELEVEL=", "MAKEOVERRIDES="}, env...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%q in %s: %v\n%s", line, dir, err, out)
	}
	return string(out)
}

// filesBelow returns the names of the files below a directory, and their modes.
func filesBelow(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	out := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		name, _ := filepath.Rel(dir, path)
		out[name] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInstall checks that make install puts every file in its place, even if a name has a blank and
// the umask is strict, that man(1) finds the page, and that make uninstall removes exactly what was
// installed.
func TestInstall(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	sourceTree(t, src, time.Now())
	dest := filepath.Join(t.TempDir(), "a root")
	line := []string{"make", "install", "VERSION=test", "DESTDIR=" + dest, "PREFIX=/usr"}
	runIn(t, src, nil, append([]string{"sh", "-c", `umask 077; "$@"`, "sh"}, line...)...)
	if got := filesBelow(t, filepath.Join(dest, "usr")); !maps.Equal(got, installed) {
		t.Errorf("installed: %v\nwant %v", got, installed)
	}
	if fi, err := os.Stat(filepath.Join(dest, "usr/share/man/man1")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("share/man/man1 has mode %v, %v: other users cannot look into it", fi.Mode(), err)
	}
	if got := runIn(t, src, nil, filepath.Join(dest, "usr/bin/tincan"), "--version"); got != "tincan test\n" {
		t.Errorf("--version prints %q", got)
	}
	// Root's PATH often lacks Go. After make, make install does not need Go.
	runIn(t, src, nil, append(line, "GO=false")...)
	if man, err := exec.LookPath("man"); err == nil {
		runIn(t, src, []string{"MANPATH=" + filepath.Join(dest, "usr/share/man")}, man, "-w", "tincan")
	}
	other := filepath.Join(dest, "usr/share/doc/mine")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	uninstall := append([]string{"make", "uninstall"}, line[2:]...)
	runIn(t, src, nil, uninstall...)
	runIn(t, src, nil, uninstall...) // again, with nothing to do
	if got := slices.Collect(maps.Keys(filesBelow(t, dest))); !slices.Equal(got, []string{"usr/share/doc/mine"}) {
		t.Errorf("make uninstall leaves %v, want only the file that it did not install", got)
	}
}

// TestDist builds a release twice, and compares the bytes. The second time, the directory's name,
// the times of the files, git, the umask, the time zone, the locale and Go's settings are
// different, and with TINCAN_TEST_DIST=full the build cache is empty.
func TestDist(t *testing.T) {
	const version = "1.2.3-test"
	first, second := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "some other", "place")
	sourceTree(t, first, time.Now())
	sourceTree(t, second, time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC))
	runIn(t, first, nil, "make", "dist", "VERSION="+version)
	runIn(t, second, nil, "git", "init", "-q")
	runIn(t, second, nil, "git", "add", ".")
	runIn(t, second, nil, "git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x")
	env := []string{"TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "GOARM64=v8.1", "GOFLAGS=-buildvcs=true", "PREFIX=/opt", "BINDIR=/opt/b", "DESTDIR=/nonesuch", "SOURCE_DATE_EPOCH=5"}
	if os.Getenv("TINCAN_TEST_DIST") == "full" { // for use before a release: it takes a minute longer
		env = append(env, "GOCACHE="+t.TempDir())
	}
	runIn(t, second, env, "sh", "-c", `umask 077; "$@"`, "sh", "make", "dist", "VERSION="+version)
	var want []string
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		name := "tincan-" + version + "-linux-" + arch
		want = append(want, name+".sbom.txt", name+".tar.gz")
	}
	want = append([]string{"SHA256SUMS"}, want...)
	names := slices.Sorted(maps.Keys(filesBelow(t, filepath.Join(first, "dist"))))
	if !slices.Equal(names, want) {
		t.Fatalf("dist has %q\nwant %q", names, want)
	}
	sums := ""
	for _, name := range names {
		one, err := os.ReadFile(filepath.Join(first, "dist", name))
		if err != nil {
			t.Fatal(err)
		}
		two, err := os.ReadFile(filepath.Join(second, "dist", name))
		if err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s: the second build has other bytes (%v)", name, err)
		}
		if name != "SHA256SUMS" {
			sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(one), name)
		}
		if base, is := strings.CutSuffix(name, ".tar.gz"); is {
			checkArchive(t, base, one)
		} else if is := strings.HasSuffix(name, ".sbom.txt"); is && (!strings.Contains(string(one), "kong\tv") || !strings.HasPrefix(string(one), "tincan: go1.")) {
			t.Errorf("%s: %s", name, one)
		}
	}
	if got, err := os.ReadFile(filepath.Join(first, "dist", "SHA256SUMS")); err != nil || string(got) != sums {
		t.Errorf("SHA256SUMS: %v\n%s\nwant\n%s", err, got, sums)
	}
	// A tree with changes that are not committed has no version.
	if err := os.WriteFile(filepath.Join(second, "new.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("make", "dist")
	c.Dir = second
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "not committed") {
		t.Errorf("make dist with a file that is not committed: %v\n%s", err, out)
	}
}

// checkArchive checks an archive of a release.
func checkArchive(t *testing.T, name string, archive []byte) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	if z.Name != "" || !z.ModTime.IsZero() {
		t.Errorf("%s: the gzip header has the name %q and the time %v, want none", name, z.Name, z.ModTime)
	}
	date, err := time.Parse(time.DateOnly, makefileValue(t, "DATE"))
	if err != nil {
		t.Fatal(err)
	}
	files, order := map[string]fs.FileMode{}, []string(nil)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, h.Name)
		base := strings.TrimPrefix(h.Name, name+"/")
		files[base] = fs.FileMode(h.Mode)
		if h.Typeflag != tar.TypeReg || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || !h.ModTime.Equal(date) || base == h.Name {
			t.Errorf("%s: %+v", name, h)
		}
		if base != "bin/tincan" {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		checkProgram(t, name, content)
	}
	if !slices.IsSorted(order) {
		t.Errorf("%s: the files are not sorted: %q", name, order)
	}
	want := maps.Clone(installed)
	for _, module := range []string{"github.com/alecthomas/kong", "golang.org/x/net", "golang.org/x/sys"} {
		want["share/doc/tincan/licenses/"+module] = 0o644
	}
	if !maps.Equal(files, want) {
		t.Errorf("%s has %v\nwant %v", name, files, want)
	}
}

// checkProgram checks the program in an archive of a release.
func checkProgram(t *testing.T, name string, content []byte) {
	t.Helper()
	arch := name[strings.LastIndex(name, "-")+1:]
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV}[arch]
	if f.Machine != want {
		t.Errorf("%s: the program is for %v", name, f.Machine)
	}
	if arch != runtime.GOARCH {
		return
	}
	bin := filepath.Join(t.TempDir(), "tincan")
	if err := os.WriteFile(bin, content, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(bin, "--version").Output(); err != nil || string(out) != "tincan 1.2.3-test\n" {
		t.Errorf("%s: %q, %v", name, out, err)
	}
}
