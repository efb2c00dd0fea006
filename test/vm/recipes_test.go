// The recipes of docs/recipes.md that take a machine of their own.
package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tincan/test/pages"
)

// recipe returns the commands of a section of docs/recipes.md, and the section's text.
func recipe(t *testing.T, section string) (commands []pages.Command, text string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pages.Read(string(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Section == section {
			commands = append(commands, c)
		}
	}
	_, text, _ = strings.Cut(string(b), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	if len(commands) < 3 || text == "" {
		t.Fatalf("docs/recipes.md has %d commands in the section %q", len(commands), section)
	}
	return commands, text
}

// TestRecipeForAMachine types the commands of the page, from the kernel's download to the end
// of the machine.
func TestRecipeForAMachine(t *testing.T) {
	t.Parallel()
	if hostArch != "amd64" {
		t.Skip("the page's kernel and its qemu are those of amd64")
	}
	commands, _ := recipe(t, "A test in a virtual machine")
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(program(t, hostArch, "tincan", false), bin+"/tincan"); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		for _, p := range c.Needs {
			if _, err := exec.LookPath(p); err != nil {
				skip(t, "%v, which docs/recipes.md:%d needs", err, c.Line)
			}
		}
		sh := exec.Command("timeout", "-k", "1", "120", "sh", "-c", c.Text)
		sh.Dir, sh.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if strings.HasPrefix(c.Text, "apt-get ") {
			fetching.Lock()
		}
		out, err := sh.CombinedOutput()
		if strings.HasPrefix(c.Text, "apt-get ") {
			fetching.Unlock()
		}
		if err != nil {
			t.Fatalf("docs/recipes.md:%d: $ %s\n%v\n%s", c.Line, c.Text, err, out)
		}
		if at := c.Differs(string(out)); at != "" {
			t.Errorf("docs/recipes.md:%d: $ %s\nprints something else from this line on: %s\n%s", c.Line, c.Text, at, out)
		}
	}
}

// TestServiceUnderSystemd boots a machine whose process 1 is this host's systemd, and types
// the page's commands in it.
func TestServiceUnderSystemd(t *testing.T) {
	t.Parallel()
	const systemd = "/usr/lib/systemd/systemd"
	if !exists(systemd) {
		skip(t, "%s: apt-get install systemd", systemd)
	}
	commands, text := recipe(t, "A service")
	unit := regexp.MustCompile("(?s)\n```ini\n(.*?)```\n").FindStringSubmatch(text)
	if unit == nil {
		t.Fatal("no unit file")
	}
	tree, err := NewTree(filepath.Join(t.TempDir(), "machine"))
	if err != nil {
		t.Fatal(err)
	}
	busybox, names := busybox(t, hostArch)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(tree.Busybox(busybox, names))
	must(tree.Program("/", "systemctl"))
	for _, program := range []string{systemd, systemd + "-executor"} { // newer ones have both
		if exists(program) {
			must(tree.Copy(program, program))
			must(tree.libraries("/", program))
		}
	}
	targets, _ := filepath.Glob("/usr/lib/systemd/system/*.target")
	for _, target := range targets {
		must(tree.Copy(target, target))
	}
	must(tree.Copy(program(t, hostArch, "tincan", false), "/usr/local/bin/tincan"))
	script := "ip link set lo up\nexec 3>/dev/$(basename $(dirname $(grep -lx tests /sys/class/virtio-ports/*/name)))\n"
	for i, c := range commands {
		script += fmt.Sprintf("cat >/run/command <<'END OF COMMAND'\n%s\nEND OF COMMAND\necho '== %d' >&3\nsh /run/command >&3 2>&1 || echo \"status $?\" >&3\n", c.Text, i)
	}
	script += "echo '== end' >&3\npoweroff -f\n"
	for file, text := range map[string]string{
		"/etc/passwd":                        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
		"/etc/group":                         "root:x:0:\nnogroup:x:65534:\n",
		"/etc/hosts":                         "127.0.0.1 localhost\n",
		"/etc/machine-id":                    "",
		"/etc/systemd/system/web.service":    unit[1],
		"/etc/systemd/system/default.target": "[Unit]\nWants=recipe.service multi-user.target\nAllowIsolate=yes\n",
		"/etc/systemd/system/recipe.service": "[Service]\nExecStart=/bin/sh /recipe\nStandardOutput=tty\nStandardError=tty\n",
		"/recipe":                            script,
	} {
		must(tree.Write(file, text))
	}
	k := kernel(t, hostArch, "6.12")
	i := image(t, k)
	// The root must be a file system that pivot_root(2) can replace, which an initramfs is not.
	init := filepath.Join(t.TempDir(), "init")
	must(os.WriteFile(init, []byte("#!/bin/busybox sh\nb=/bin/busybox\n$b mkdir /new\n$b mount -t tmpfs t /new\n$b cp -a /machine/. /new\nexec $b switch_root /new "+systemd+"\n"), 0o755))
	i.Init, i.Add, i.Modules = init, []string{tree.Dir + ":/machine", busybox + ":/bin/busybox"}, nil
	o := boot(t, Machine{Kernel: k, Initrd: written(t, i), Append: []string{"systemd.show_status=no", "systemd.default_standard_output=tty"}, Memory: 512, Within: time.Minute})
	t.Logf("%.0f seconds, of which %.0f of a processor", o.Took.Seconds(), o.CPU.Seconds())
	if !strings.Contains(o.Tests, "\n== end\n") {
		t.Fatalf("the commands did not end:\n%s\n%v", o.Tests, o)
	}
	for i, c := range commands {
		_, got, _ := strings.Cut("\n"+o.Tests, fmt.Sprintf("\n== %d\n", i))
		got, _, _ = strings.Cut("\n"+got, "\n== ")
		if got = strings.TrimPrefix(got, "\n"); got != "" {
			got += "\n"
		}
		if at := c.Differs(got); at != "" {
			t.Errorf("docs/recipes.md:%d: $ %s\nprints something else from this line on: %s\n%s", c.Line, c.Text, at, got)
		}
	}
}
