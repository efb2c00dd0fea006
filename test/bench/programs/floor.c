/* The floor: the calls of a plan of tincan's, and as little else as possible.
 *
 * floor.go writes plan.h from `tincan plan --json`; it has the steps of each actor, in
 * order. This file has what is not in the plan: the descriptors that the plan names in
 * capitals, the clone, and the wait for the end. What tincan does besides is done before
 * and after these calls; the difference in time is tincan's own cost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Names of mount(2) and umount2(2): their header and linux/mount.h exclude each other. */
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#define SUID_DUMP_DISABLE 0
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef RLIM64_INFINITY
#define RLIM64_INFINITY (~0ULL)
#endif
#define _LINUX_CAPABILITY_VERSION_3 0x20080522

struct limit64 { uint64_t rlim_cur, rlim_max; };
static int PARENT, SOCKET, REPORT;
static pid_t pid;
static long KEPT, PLACE;
#define TREE KEPT

static pid_t launcher;
static char byte;
static int undoing;
static void host_after(void);

/* fail reports the step that failed. In the launcher, it also undoes what was made, as far
 * as possible: what does not exist cannot be removed. */
static void fail(int number, const char *call)
{
	if (undoing) return;
	fprintf(stderr, "floor: step %d: %s: %s\n", number, call, strerror(errno));
	if (getpid() == launcher) {
		undoing = 1;
		if (pid > 0) kill(pid, SIGKILL), waitpid(pid, NULL, 0);
		host_after();
	}
	_exit(125);
}

/* With TIMED, each step's time is kept in memory that all three processes share, and
 * printed at the end: a step's number and nanoseconds. A clone's time is that of the
 * parent. The last number is the time from the command's execve to the end. */
#ifdef TIMED
static long *times;
static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}
#define BEGIN long before = now()
#define END(number) times[number] += now() - before
#define EXECUTING times[STEPS + 2] = now()
#else
#define BEGIN
#define END(number)
#define EXECUTING
#endif

/* STEP makes a call of the child; may is the one errno that counts as success. */
#define STEP(number, may, name, ...) \
	do { \
		BEGIN; \
		if (SYS_##name == SYS_execve) EXECUTING; \
		if (syscall(SYS_##name, __VA_ARGS__) == -1 && errno != (may)) fail(number, #name); \
		END(number); \
	} while (0)
#define KEEP(number, may, name, ...) \
	do { \
		BEGIN; \
		if ((KEPT = syscall(SYS_##name, __VA_ARGS__)) == -1 && errno != (may)) fail(number, #name); \
		END(number); \
	} while (0)
#define PUT(number, may, name, ...) \
	do { \
		BEGIN; \
		if ((PLACE = syscall(SYS_##name, __VA_ARGS__)) == -1) fail(number, #name); \
		END(number); \
	} while (0)

/* The clone with CLONE_VM: the new process has a stack of its own, and calls becomes. */
static char stack[16384];
static pid_t COMMAND;
static int becomes(void *mask);
#define FORK(number, flags) \
	do { \
		BEGIN; \
		if ((COMMAND = clone(becomes, stack + sizeof stack, flags, mask)) == -1) fail(number, "clone"); \
		END(number); \
	} while (0)

/* A step of the launcher: writes text to a file, whose name may contain the container's pid. */
static void host_write(int number, const char *file, const char *text)
{
	char name[4096];
	const char *at = strstr(file, "/PID/");
	BEGIN;
	if (at) snprintf(name, sizeof name, "%.*s/%d/%s", (int)(at - file), file, pid, at + 5), file = name;
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) fail(number, file);
	close(fd);
	END(number);
}
#define HOST(number, call) \
	do { \
		BEGIN; \
		if ((call) == -1) fail(number, #call); \
		if (pid != 0 || number != CLONE_CALL) END(number); \
	} while (0)

#include "plan.h"

static int becomes(void *mask)
{
	command_steps(mask);
	_exit(125);
}

static void descriptors(void)
{
	int pair[2], report[2];
	HOST(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	HOST(0, pipe2(report, O_CLOEXEC));
	HOST(0, REPORT = fcntl(report[1], F_DUPFD_CLOEXEC, 10));
	close(report[1]);
	PARENT = pair[0], SOCKET = pair[1];
}

int main(void)
{
	int status, pidfd;
	sigset_t all, mask;

	launcher = getpid();
#ifdef TIMED
	times = mmap(NULL, sizeof *times * (STEPS + 3), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
#endif
	descriptors();
	host_before();
	struct clone_args args = {.flags = CLONE_CALL_FLAGS, .exit_signal = SIGCHLD, .pidfd = (uint64_t)(uintptr_t)&pidfd};
	open_group(&args);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	HOST(CLONE_CALL, pid = syscall(SYS_clone3, &args, sizeof args));
	if (pid == 0) {
		child_steps(&mask);
		if (HAS_INIT) {
			pid_t who;
			init_steps();
			while ((who = wait4(-1, &status, 0, NULL)) != COMMAND)
				if (who < 0) _exit(125);
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		}
		becomes(&mask);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	close(SOCKET), close(REPORT);
	close_group();
	host_between();
	HOST(STEPS + 1, waitpid(pid, &status, 0));
#ifdef TIMED
	times[STEPS + 2] = now() - times[STEPS + 2];
#endif
	host_after();
#ifdef TIMED
	for (int i = 0; i < STEPS + 3; i++) printf("%d %ld\n", i, times[i]);
#endif
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
