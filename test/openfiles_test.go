// Low limits of open files.
package test

import (
	"fmt"
	"strings"
	"testing"
)

// TestOpenFiles runs tincan with each low limit of open files (setrlimit(2), RLIMIT_NOFILE). It
// must do what it was asked to, or say that the limit is too low. Go's runtime alone would end with
// a stack trace if it cannot open its descriptors.
func TestOpenFiles(t *testing.T) {
	noLeaks(t)
	group := ""
	if !hasGroup() {
		group = "--no-cgroup"
	}
	out := t.TempDir()
	for _, args := range []string{
		"-q " + group + " -- true",
		"--debug " + group + " -- true",
		"--net=host --no-cgroup -- nonesuch",
		"--memory=x -- true",
		"--stats=" + out + "/stats " + group + " -- true",
		"record --no-cgroup -o " + out + "/p.json -- true",
		"plan --no-cgroup -- true",
		"seccomp show default",
		"initramfs -o " + out + "/image",
		"check",
		"--help",
	} {
		ended := map[int]int{}
		step := 1
		if testing.Short() {
			step = 5
		}
		for limit := 0; limit <= 30; limit += step {
			line := fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, limit)
			r := job{before: []string{"sh", "-c", line}, args: strings.Fields(args)}.run(t)
			ended[r.status]++
			tooFew := r.status == 125 && strings.Contains(r.out+r.err, "ulimit -n")
			if r.status == 125 && !tooFew && strings.Contains(r.err, "--memory=x") || r.status == 127 && strings.Contains(r.err, "nonesuch") {
				continue
			}
			if !tooFew && r.status != 0 || strings.Contains(r.err, "goroutine ") {
				t.Errorf("ulimit -n %d; tincan %s\n%v", limit, args, r)
			}
		}
		t.Logf("%s: statuses %v", args, ended)
		if len(ended) < 2 && !strings.Contains(args, "=x") {
			t.Errorf("%s: %v: either no limit was too low, or every limit was", args, ended)
		}
	}
}

// TestFewProcesses runs tincan as a user with each low limit of processes (setrlimit(2),
// RLIMIT_NPROC). It does what it was asked for, or says that the limit is too low; Go's runtime alone
// would end with a stack trace where it cannot start its threads.
func TestFewProcesses(t *testing.T) {
	needProgram(t, "prlimit")
	if plain() {
		t.Skip("in the plain program Go's runtime starts before tincan can look at the limit")
	}
	u := newUser(t, "single")
	noLeaks(t)
	for _, args := range []string{"-- true", "--memory=x -- true", "check"} {
		ended := map[int]int{}
		for limit := 1; limit <= 12; limit++ {
			r := u.with(fmt.Sprintf("prlimit --nproc=%d --pid=$$", limit)).run(t, strings.Fields(args)...)
			tooFew := r.status == 125 && strings.Contains(r.out+r.err, "ulimit -u")
			if strings.Contains(r.err, "goroutine ") || r.status != 0 && !tooFew && !strings.Contains(r.err, "--memory=x") {
				t.Errorf("ulimit -u %d; tincan %s\n%v", limit, args, r)
			}
			if tooFew {
				ended[1]++
			} else {
				ended[0]++
			}
		}
		t.Logf("%s: %d limits were too low", args, ended[1])
		if len(ended) < 2 {
			t.Errorf("%s: no limit was too low, or each was", args)
		}
	}
}
