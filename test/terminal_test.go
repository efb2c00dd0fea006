// Hole 20: the terminal, in a shell with job control.
package test

import (
	"fmt"
	"strings"
	"testing"
)

// The command must not take the shell's terminal away, or change it.
func TestHole20Terminal(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	for _, init := range []string{"--init", "--no-init"} {
		t.Run(init, func(t *testing.T) {
			x := shell(t)
			run := fmt.Sprintf("$T %s -m %s -- ", init, dir)
			was := x.run("stty -g")

			// Ctrl-C ends the command and nothing else.
			x.send(run + "sh -c 'trap \"exit 7\" INT; echo wa''iting; while :; do sleep 1; done'; echo status $?\n")
			x.expect("\nwaiting\r\n")
			x.send("\x03")
			x.expect("status 7\r\n")
			x.expect("prompt> ")
			if init == "--init" { // otherwise the command is PID 1, which SIGINT cannot end: pid_namespaces(7)
				x.send(run + "sleep 1000\n")
				waitForeground(t, x)
				x.send("\x03")
				x.expect("prompt> $")
				if got := x.run("echo $?"); got != "130\n" {
					t.Errorf("status after Ctrl-C: %q", got)
				}
			}

			// Ctrl-Z stops the command, the prompt returns, and fg continues the command.
			x.send(run + "sh -c 'echo re''ady; read l; echo \"got $l\"'\n")
			x.expect("\nready\r\n")
			if init == "--init" { // Ctrl-Z does not stop PID 1
				x.send("\x1a")
				x.expect("Stopped")
				x.expect("prompt> ")
				if jobs := x.run("jobs"); !strings.Contains(jobs, "Stopped") {
					t.Errorf("jobs: %q", jobs)
				}
				if now := x.run("stty -g"); now != was {
					t.Errorf("stty after Ctrl-Z: %q, was %q", now, was)
				}
				x.send("fg\n")
				x.expect("fg\r\n.*\r\n")
			}
			x.send("hello\n")
			x.expect("got hello\r\n")
			x.expect("prompt> ")

			// A command that leaves the terminal in raw mode.
			x.run(run + "stty raw -echo")
			if now := x.run("stty -g"); now != was {
				t.Errorf("stty after a command that changed it: %q, was %q", now, was)
			}

			// In a pipeline, and in the background.
			if got := x.run(run + "echo piped | cat"); !strings.Contains(got, "piped\n") {
				t.Errorf("a pipeline: %q", got)
			}
			x.send(run + "sleep 0.2 & wait; echo wai''ted\n")
			x.expect("\nwaited\r\n")
			x.expect("prompt> ")

			// The command can open the terminal by its name, and it is the controlling terminal.
			if got := x.run(run + "sh -c 'tty; echo to the terminal >/dev/tty; stty size'"); !strings.Contains(got, "/dev/console\nto the terminal\n24 200\n") {
				t.Errorf("tty: %q", got)
			}
			if now := x.run("stty -g"); now != was {
				t.Errorf("stty at the end: %q, was %q", now, was)
			}
		})
	}
}

// waitForeground waits until sleep is the terminal's foreground process group.
func waitForeground(t *testing.T, x *terminal) {
	t.Helper()
	eventually(t, "the command is in the foreground", func() bool {
		b := read(t, fmt.Sprintf("/proc/%d/stat", x.c.Process.Pid))
		_, after, _ := strings.Cut(b, ") ")
		f := strings.Fields(after)
		group := f[5] // tpgid
		name := ""
		if group != "-1" && exists("/proc/"+group+"/comm") {
			name = strings.TrimSpace(read(t, "/proc/"+group+"/comm"))
		}
		return name == "sleep"
	})
}

// TestInteractiveShellInside checks that a shell in the container has its own job control.
func TestInteractiveShellInside(t *testing.T) {
	dir := tree(t)
	noLeaks(t, dir)
	x := shell(t)
	x.send(fmt.Sprintf("$T -e PS1='inside# ' -m %s -- sh -i\n", dir))
	x.expect("inside# (\x1b.6n)?$")
	x.send("sleep 1000\n")
	waitForeground(t, x)
	x.send("\x1a")
	x.expect("Stopped")
	x.expect("inside# (\x1b.6n)?$")
	x.send("fg\n")
	waitForeground(t, x)
	x.send("\x03")
	x.expect("inside# (\x1b.6n)?$")
	x.send("echo $((40+2)); exit 3\n")
	x.expect("\n42\r\n")
	x.expect("prompt> $")
	if got := x.run("echo $?"); got != "3\n" {
		t.Errorf("status %q", got)
	}
}
