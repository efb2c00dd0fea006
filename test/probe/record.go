package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// sockets makes two, of the families UNIX and INET.
func sockets([]string) {
	for _, family := range []int{unix.AF_INET, unix.AF_UNIX, unix.AF_INET} {
		fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		say("socket", err)
		unix.Close(fd)
	}
}

// threads has eight threads, each of which starts processes, and then one of them becomes
// another program.
func threads([]string) {
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
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- unix.Exec("/proc/self/exe", []string{"probe", "argv", "the end"}, os.Environ())
	}()
	say("execve", <-done)
}
