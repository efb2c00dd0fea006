// docs/recipes.md is true: the recipes are followed word for word.
package test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tincan/test/pages"
)

const recipesPage = "docs/recipes.md"

// recipes are the sections of docs/recipes.md, and the tests that follow them.
var recipes = []struct {
	section string
	follow  func(t *testing.T, section string)
	by      string // another test, if follow is nil
}{
	{"A box in a script", byRootAndUser, ""},
	{"A build", byRootAndUser, ""},
	{"A web server", byRootAndUser, ""},
	{"A tree with packages", nil, "TestAptInATree"},
	{"A service", serviceRecipe, ""},
	{"A test in a virtual machine", nil, "TestRecipeForAMachine of test/vm"},
}

// recipe returns the commands of a section.
func recipe(t *testing.T, section string) []pages.Command {
	t.Helper()
	all := slices.DeleteFunc(commandsOf(t, recipesPage), func(c pages.Command) bool { return c.Section != section })
	if len(all) == 0 {
		t.Fatalf("%s has no commands in a section %q", recipesPage, section)
	}
	return all
}

// TestRecipes follows each recipe in a directory of its own.
func TestRecipes(t *testing.T) {
	notForUsers(t, "it follows the recipes as root and as a user")
	needRoot(t)
	known := map[string]bool{}
	for _, r := range recipes {
		known[r.section] = true
		if r.follow == nil {
			t.Logf("%s: by %s", r.section, r.by)
			continue
		}
		t.Run(r.section, func(t *testing.T) { r.follow(t, r.section) })
	}
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(read(t, "../"+recipesPage), -1) {
		if !known[m[1]] {
			t.Errorf("no test follows the recipe %q", m[1])
		}
	}
}

// byRootAndUser follows a recipe as root, and as a user without a resource group, who leaves
// out the limits that need one, as the page says.
func byRootAndUser(t *testing.T, section string) {
	noLeaks(t)
	commands := recipe(t, section)
	typist{page: recipesPage, dir: t.TempDir()}.typeAll(t, commands)
	t.Run("user", func(t *testing.T) {
		y := typist{page: recipesPage, joe: newJoe(t)}
		limits := regexp.MustCompile(`(\n?) *--(memory|pids)=\S+`)
		y.edit = func(command string) string { return limits.ReplaceAllString(command, "") }
		note := regexp.MustCompile(`(?m)^tincan: no resource group, so only process limits hold .*\n`)
		y.edited = func(output string) string { return note.ReplaceAllString(output, "") }
		for i := range commands {
			commands[i].User = true
		}
		y.typeAll(t, commands)
	})
}

// serviceRecipe starts the service of the page as systemd would: with the words of ExecStart,
// without a shell, a terminal or a variable but PATH, in /. It ends it with SIGTERM.
// TestServiceUnderSystemd of test/vm has a systemd do it.
func serviceRecipe(t *testing.T, _ string) {
	noLeaks(t)
	unit := pageUnit(t)
	line := unitValue(t, unit, "ExecStart")
	if strings.ContainsAny(line, "$%\"'\\;@") {
		t.Fatalf("ExecStart=%s: for systemd.service(5) these are not just words", line)
	}
	setup := "mount -t tmpfs t /usr/local/bin; ln -s " + tincanBin + " /usr/local/bin/tincan; mount -t tmpfs t /srv; mkdir /srv/www; echo hello >/srv/www/index.html"
	before := inMountNS(t, setup)
	dir := t.TempDir()
	write(t, dir+"/web.service", unit)
	if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
		words := append(slices.Clone(before), analyze, "verify", "--man=no", dir+"/web.service")
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("systemd-analyze verify: %v\n%s", err, out)
		}
	} else {
		skip(t, "systemd-analyze: apt-get install systemd")
	}
	words := append(before, strings.Fields(line)...)
	c := exec.Command(words[0], words[1:]...)
	c.Dir, c.Env, c.SysProcAttr = "/", []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}, &syscall.SysProcAttr{Setsid: true}
	var log strings.Builder
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	got := ""
	for end := time.Now().Add(20 * time.Second); got == "" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if r, err := http.Get("http://localhost:8766/"); err == nil {
			b, _ := io.ReadAll(r.Body)
			r.Body.Close()
			got = string(b)
		}
	}
	c.Process.Signal(syscall.SIGTERM)
	c.Wait()
	if got != "hello\n" {
		t.Errorf("the server answers %q\n%s", got, log.String())
	}
	if status := c.ProcessState.ExitCode(); unitValue(t, unit, "SuccessExitStatus") != "143" || status != 143 {
		t.Errorf("status %d, and SuccessExitStatus=%s\n%s", status, unitValue(t, unit, "SuccessExitStatus"), log.String())
	}
}

// TestTreeFromDocker unpacks an archive such as docker export writes, with the line of the recipe
// for a tree with packages. Its names do not begin with "./", and it may contain devices.
func TestTreeFromDocker(t *testing.T) {
	notForUsers(t, "the recipe is for root")
	needRoot(t)
	dir := t.TempDir()
	fillTree(t, dir+"/plain")
	write(t, dir+"/plain/.dockerenv", "")
	mkdir(t, dir+"/plain/dev")
	mkdir(t, dir+"/plain/usr/lib/dev")
	write(t, dir+"/plain/usr/lib/dev/kept", "kept\n")
	for file, mode := range map[string]uint32{"console": syscall.S_IFCHR | 0o620, "fifo": syscall.S_IFIFO | 0o600} {
		if err := syscall.Mknod(dir+"/plain/dev/"+file, mode, 5<<8|1); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/plain/bin/busybox", 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	commands := recipe(t, "A tree with packages")
	unpack := slices.IndexFunc(commands, func(c pages.Command) bool { return strings.HasPrefix(c.Text, "tar -C plain -c . | ") })
	if unpack < 1 {
		t.Fatalf("%s has no line that unpacks", recipesPage)
	}
	export := "cd plain && tar --owner=0 --group=0 -c .dockerenv * | (cd ..; "
	commands[unpack].Text = export + strings.TrimPrefix(commands[unpack].Text, "tar -C plain -c . | ") + ")"
	noLeaks(t, dir+"/plain")
	typist{page: recipesPage, dir: dir}.typeAll(t, commands[unpack-1:unpack+1])
	if out := ok(t, "-m", dir+"/tree", "--", "/bin/sh", "-c", "id -u; cat /usr/lib/dev/kept; stat -c '%u %a' /bin/busybox /.dockerenv"); out != "0\nkept\n0 4755\n0 644" {
		t.Errorf("%q", out)
	}
	if uid, _, mode := ownerOf(t, dir+"/tree/bin/busybox"); uid != 10000 || mode != 0o755|os.ModeSetuid {
		t.Errorf("on the host it belongs to %d, mode %v", uid, mode)
	}
	if files, _ := os.ReadDir(dir + "/tree/dev"); len(files) != 0 {
		t.Errorf("/dev has %v", files)
	}
}

// pageUnit returns the unit file of docs/recipes.md.
func pageUnit(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile("(?s)\n```ini\n(.*?)```\n").FindAllStringSubmatch(read(t, "../"+recipesPage), -1)
	if len(m) != 1 {
		t.Fatalf("%s has %d unit files", recipesPage, len(m))
	}
	return m[0][1]
}

// unitValue returns the value of a setting that occurs once in a unit file.
func unitValue(t *testing.T, unit, key string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(unit, -1)
	if len(m) != 1 {
		t.Fatalf("%d settings %s", len(m), key)
	}
	return m[0][1]
}
