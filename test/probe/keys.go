// Keys: keyctl(2), request_key(2), session-keyring(7).

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// keyDescription is the name of the key.
const keyDescription = "tincan-test"

// holdKey is used outside of a container: it runs a command with a new session keyring that has a
// key. NUMBER among the command's words is replaced by the key's number.
func holdKey(args []string) {
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
		fmt.Println("keyctl(KEYCTL_JOIN_SESSION_KEYRING):", err)
		os.Exit(99)
	}
	id, err := unix.AddKey("user", keyDescription, []byte(args[0]), unix.KEY_SPEC_SESSION_KEYRING)
	if err != nil {
		fmt.Println("add_key:", err)
		os.Exit(99)
	}
	for i, a := range args {
		if a == "NUMBER" {
			args[i] = strconv.Itoa(id)
		}
	}
	say("exec", syscall.Exec(args[1], args[1:], os.Environ()))
	os.Exit(99)
}

// keys tries to reach the key through the session keyring, by its name and by its number.
func keys(args []string) {
	number, _ := strconv.Atoi(args[0])
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", keyDescription, 0)
	say("search", err)
	if err == nil {
		readKey("read what was found", id)
	}
	kind, name := []byte("user\x00"), []byte(keyDescription+"\x00") // without a text, because the kernel would pass that to the host's /sbin/request-key
	found, _, e := unix.Syscall6(unix.SYS_REQUEST_KEY, uintptr(unsafe.Pointer(&kind[0])), uintptr(unsafe.Pointer(&name[0])), 0, 0, 0, 0)
	say("request", e)
	if e == 0 {
		readKey("read what was requested", int(found))
	}
	readKey("read by number", number)
	_, err = unix.KeyctlInt(unix.KEYCTL_LINK, number, unix.KEY_SPEC_SESSION_KEYRING, 0, 0)
	say("link", err)
	_, err = unix.KeyctlInt(unix.KEYCTL_REVOKE, number, 0, 0, 0)
	if err == nil {
		err = errors.New("revoked")
	}
	say("revoke", err)
	// The same calls must work on the process's own session keyring, or the failures above mean
	// nothing.
	id, err = unix.AddKey("user", keyDescription+"-own", []byte("own"), unix.KEY_SPEC_SESSION_KEYRING)
	say("add", err)
	readKey("read the own", id)
}

// readKey prints a key.
func readKey(name string, id int) {
	b := make([]byte, 64)
	n, _, e := unix.Syscall6(unix.SYS_KEYCTL, unix.KEYCTL_READ, uintptr(id), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0)
	if e != 0 {
		say(name, e)
		return
	}
	fmt.Printf("%s: %q\n", name, b[:min(int(n), len(b))])
}
