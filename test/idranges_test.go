// --map=auto: each container has a range of ids that no other container has.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMapAuto checks that containers with --map=auto that run at the same time share no id of the
// host.
func TestMapAuto(t *testing.T) {
	if asUser == "single" {
		help := "usermod --add-subuids"
		if b, _ := os.ReadFile("/etc/subuid"); len(b) > 0 { // a user who has run the tests, with ids but without newuidmap
			help = "apt install uidmap"
		}
		refused(t, tincan(t, "--map=auto", "--", "true"), "--map=auto: ", help)
		return
	}
	dir := tree(t)
	noLeaks(t, dir)
	const n = 20
	hold := filepath.Join(publicDir(t, 0o755), "hold")
	if err := syscall.Mkfifo(hold, 0o644); err != nil {
		t.Fatal(err)
	}
	maps := make([]string, n)
	var all sync.WaitGroup
	for i := range maps {
		all.Add(1)
		go func() {
			defer all.Done()
			maps[i] = ok(t, "--map=auto", "-m", dir, "-a", hold+":/hold", "--", "sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; cat /hold")
		}()
	}
	begin := time.Now()
	notes := func() int {
		return len(glob("/run/tincan/ids-*", "/dev/shm/tincan*/ids-*", "/tmp/tincan*/ids-*"))
	}
	for notes() < n && time.Since(begin) < 50*time.Second {
		time.Sleep(20 * time.Millisecond)
	}
	if got := notes(); got != n {
		t.Errorf("%d ranges are taken, want %d", got, n)
	}
	time.Sleep(200 * time.Millisecond)        // until nearly all have opened the FIFO
	w, err := os.OpenFile(hold, os.O_RDWR, 0) // those that open it later find a writer
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() { all.Wait(); close(done) }()
	time.Sleep(time.Second)
	w.Close()
	<-done
	owner := map[int]int{}
	for i, m := range maps {
		lines := strings.Split(strings.Trim(m, "\n"), "\n")
		if len(lines)%2 != 0 || strings.Join(lines[:len(lines)/2], "\n") != strings.Join(lines[len(lines)/2:], "\n") {
			t.Fatalf("users and groups differ, or there are none: %q", m)
		}
		for _, line := range lines[:len(lines)/2] {
			var inside, host, count int
			if _, err := fmt.Sscan(line, &inside, &host, &count); err != nil {
				t.Fatalf("%q: %v", m, err)
			}
			if asUser == "ranges" { // the map that a container shows is that of the outer user namespace
				continue
			}
			if host < 1879048192 || host+count > 2147352576 {
				t.Errorf("the ids %d to %d are outside of root's space", host, host+count-1)
			}
			for id := host; id < host+count; id++ {
				if j, taken := owner[id]; taken {
					t.Fatalf("the containers %d and %d both have the id %d", i, j, id)
				}
				owner[id] = i
			}
		}
	}
	if n := notes(); n != 0 {
		t.Errorf("%d ranges were not given back", n)
	}
}

// glob returns the files that match any of the patterns.
func glob(patterns ...string) (out []string) {
	for _, p := range patterns {
		found, _ := filepath.Glob(p)
		out = append(out, found...)
	}
	return out
}

// TestMapAutoKeepsFilesApart checks that a container with --map=auto cannot read another one's
// private files.
func TestMapAutoKeepsFilesApart(t *testing.T) {
	notForUsers(t, "this needs a directory for all ids, and ids that root chooses")
	dir := tree(t)
	shared := publicDir(t, 0o777)
	noLeaks(t, dir)
	write := []string{"-m", dir, "-a", shared + ":/shared", "--", "sh", "-c", "echo mine >/shared/secret; chmod 600 /shared/secret"}
	look := []string{"-m", dir, "-a", shared + ":/shared", "--", "cat", "/shared/secret"}
	ok(t, write...)
	if got := ok(t, look...); got != "mine" {
		t.Fatalf("with the usual ids the second container reads %q: this test shows nothing", got)
	}
	os.Remove(shared + "/secret")
	ok(t, append([]string{"--map=auto"}, write...)...)
	if r := tincan(t, append([]string{"--map=auto"}, look...)...); r.status != 1 || !strings.Contains(r.err, "Permission denied") {
		t.Errorf("another range: %v", r)
	}
}

// TestMapAutoKilled checks that a later run releases the range of a killed launcher.
func TestMapAutoKilled(t *testing.T) {
	notForUsers(t, "this looks at root's ledger")
	dir := tree(t)
	noLeaks(t, dir)
	c := exec.Command(tincanBin, "--map=auto", "-m", dir, "--", "sleep", "60")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its range is taken", func() bool { return len(glob("/run/tincan/ids-*", "/dev/shm/tincan/ids-*")) == 1 })
	c.Process.Kill()
	c.Wait()
	if len(glob("/run/tincan/ids-*", "/dev/shm/tincan/ids-*")) != 1 {
		t.Fatal("the file was removed with the launcher, so this test shows nothing")
	}
	for range 3 {
		ok(t, "-m", dir, "--", "true")
	}
	if left := glob("/run/tincan/ids-*", "/dev/shm/tincan/ids-*"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestMapAutoRefused checks the errors of --map=auto.
func TestMapAutoRefused(t *testing.T) {
	refused(t, tincan(t, "--map=auto", "--map=0:10000:10", "--", "true"), "--map=auto", "another --map")
	refused(t, tincan(t, "--map=automatic", "--", "true"), "--map=automatic", "0:10000:2000", "auto")
}
