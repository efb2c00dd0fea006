// Section user: the whole process again, started by a user who is not root.
//
// user_namespaces(7), newuidmap(1), subuid(5).

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// benchUser is an unused id. In the benchmark's own mount namespace it has a name and granted ids,
// because newuidmap needs both.
const benchUser = 24567

// userRuns measures the section.
func userRuns(b *bench) (*table, error) { return b.withGrant(b.userRuns) }

// Names that the section starts also uses.
const (
	nameOneID  = "tincan, one id"
	nameRanges = "tincan, ranges (newuidmap)"
)

// userContenders returns the contenders with which the user runs /bin/true. lacks is why newuidmap
// cannot be used, or "".
func (s *workshop) userContenders(lacks string) []*contender {
	own := "--map=0:" + strconv.Itoa(benchUser) + ":1"
	all := []*contender{
		{name: nameOneID, argv: []string{s.tincan, "run", "--no-cgroup", own, "-m", s.root, "--", "/bin/true"}},
		{name: nameRanges, argv: []string{s.tincan, "run", "--no-cgroup", "-m", s.root, "--", "/bin/true"}, absent: lacks},
		s.asUser(benchUser).floorContender(nameFloor+", one id", s.root, "/bin/true", "--no-cgroup", own),
		{name: nameBwrap, argv: bwrapLine(s.root, "/bin/true")},
		{name: "unshare -r", argv: []string{"unshare", "-r", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork",
			"--root", s.root, "--mount-proc", "/bin/true"}},
	}
	for _, c := range all {
		c.user = benchUser
		c.absent = c.trial()
	}
	return all
}

// userRuns measures the section, in a namespace in which the user has ids unless lacks says why
// not.
func (b *bench) userRuns(lacks string) (*table, error) {
	t := &table{Title: fmt.Sprintf("/bin/true of a static busybox for an ordinary user: the whole process, medians of %d runs, interleaved", *rounds),
		Columns: []column{{colWall, 2}, {colQ1, 2}, {colQ3, 2}, {"user+sys ms", 2}, {colOfBwrap, 2}, {"(q1", 2}, {"q3)", 2}}}
	all := b.userContenders(lacks)
	took, err := race(present(all), *rounds)
	if err != nil {
		return nil, err
	}
	bwrap := took[named(all, nameBwrap)].wall
	for _, c := range all {
		if c.absent != "" {
			t.absent(c.name, c.absent)
			continue
		}
		w := took[c].wall
		b1, b3 := spread(w, bwrap)
		t.add(c.name, median(w), quantile(w, 0.25), quantile(w, 0.75), median(took[c].cpu), ratio(w, bwrap), b1, b3)
	}
	t.note("these do less: unshare (no /dev, no filter, all capabilities), bwrap (no filter, no limits)")
	return t, nil
}

// withGrant calls f on a new thread, in a mount namespace in which the user has a name and ids. If
// that is impossible, lacks says why.
func (s *workshop) withGrant(f func(lacks string) (*table, error)) (t *table, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked, so that the thread and the namespace end here
		lacks := ""
		if err := grantIDs(s.dir); err != nil {
			lacks = oneLine(err.Error())
		}
		t, err = f(lacks)
	}()
	<-done
	return t, err
}

// grantIDs enters a mount namespace in which the user has a name and ids.
func grantIDs(dir string) error {
	if _, err := os.Stat("/etc/subuid"); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"passwd": string(passwd) + fmt.Sprintf("tincanbench:x:%d:%d::/nonexistent:/bin/sh\n", benchUser, benchUser),
		"subuid": "tincanbench:600000:65536\n",
		"subgid": "tincanbench:600000:65536\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(file, "/etc/"+name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", name, err)
		}
	}
	return nil
}
