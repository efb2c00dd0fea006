// Commands for the tests of tincan record.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// sockets makes sockets of the families INET and UNIX.
func sockets([]string) {
	for _, family := range []int{unix.AF_INET, unix.AF_UNIX, unix.AF_INET} {
		fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		say("socket", err)
		unix.Close(fd)
	}
}

// threads runs eight threads that start processes. Then one thread executes another program, or the
// probe itself if none is given, while the first thread makes calls.
func threads(args []string) {
	var all sync.WaitGroup
	for n := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			for range 5 {
				if out, err := exec.Command("/proc/self/exe", "argv", fmt.Sprint(n)).CombinedOutput(); err != nil || string(out) != fmt.Sprintf("[%q]\n", fmt.Sprint(n)) {
					fmt.Println("exec:", err, string(out))
				}
			}
		}()
	}
	all.Wait()
	program := "/proc/self/exe"
	if len(args) > 0 {
		program = args[0]
	} else {
		args = []string{"probe", "argv", "the end"}
	}
	go func() {
		runtime.LockOSThread()
		say("execve", unix.Exec(program, args, os.Environ()))
		os.Exit(1)
	}()
	for {
		unix.Getppid()
	}
}
