/* Attacks that a container's filter must refuse: holes 1 to 8, 31 and 37 of ../../SECURITY.md.
 *
 *   holes [NAME...]     makes each named attack, or all, in a new process, and prints a line for each:
 *                       NAME RESULT, where RESULT is the errno's name, "ok" (it worked), "made 4755" (a file was made
 *                       with that mode), or "killed SIGSYS".
 *
 * Calls whose effect cannot be undone get arguments that cannot work (a bad descriptor, a wrong magic number): EBADF or
 * EINVAL then show that the kernel saw the call. Files are made in a new directory below $TMPDIR or /tmp.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif
#define HIGH (1UL << 32)

/* Numbers that are the same on all architectures, for headers that are older than the calls. */
enum { nr_io_uring_setup = 425, nr_io_uring_enter, nr_io_uring_register, nr_open_tree, nr_move_mount, nr_fsopen, nr_fsconfig,
	nr_fsmount, nr_fspick, nr_clone3 = 435, nr_openat2 = 437, nr_mount_setattr = 442, nr_home_node = 450, nr_fchmodat2 = 452,
	nr_open_tree_attr = 467 };

static char out[64];

static const char *result(long rc)
{
	if (rc >= 0)
		return "ok";
	snprintf(out, sizeof out, "%s", strerrorname_np(errno));
	return out;
}

/* The mode of the file, or the errno. */
static const char *made(const char *path, long rc)
{
	struct stat s;
	if (rc < 0)
		return result(rc);
	if (stat(path, &s) < 0)
		return result(-1);
	snprintf(out, sizeof out, "made %o", s.st_mode & 07777);
	return out;
}

static int plain(void)
{
	int fd = openat(AT_FDCWD, "f", O_CREAT | O_RDWR, 0755);
	if (fd < 0)
		_exit(3);
	return fd;
}

/* Makes a new terminal the controlling terminal and returns it, or a bad descriptor if there is none. */
static int terminal(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), s;
	if (m < 0 || grantpt(m) || unlockpt(m))
		return -1;
	setsid();
	s = open(ptsname(m), O_RDWR);
	if (s >= 0)
		ioctl(s, TIOCSCTTY, 0);
	return s;
}

static const char *tty(unsigned long request)
{
	char c[64] = "x";
	return result(syscall(SYS_ioctl, terminal(), request, c));
}

static const char *tiocsti(void) { return tty(TIOCSTI); }
static const char *tiocsti_high(void) { return tty(TIOCSTI | HIGH); }
static const char *tiocgwinsz(void) { return tty(TIOCGWINSZ); }
static const char *fionread(void) { return tty(FIONREAD); }
static const char *fioasync(void) { return tty(FIOASYNC); }
static const char *tioclinux(void) { char c = 2; return result(syscall(SYS_ioctl, -1, TIOCLINUX, &c)); }
static const char *tiocsetd(void) { int d = -1; return result(syscall(SYS_ioctl, -1, TIOCSETD, &d)); }
static const char *tioclinux_high(void) { char c = 2; return result(syscall(SYS_ioctl, -1, TIOCLINUX | HIGH, &c)); }

/* Ends at once in a child that the call has made. */
static const char *child(long rc)
{
	if (rc == 0)
		_exit(0);
	return result(rc);
}

static const char *clone3_newuser(void)
{
	uint64_t a[11] = { [0] = CLONE_NEWUSER, [4] = SIGCHLD };
	return child(syscall(nr_clone3, a, sizeof a));
}
static const char *clone_newuser(void) { return child(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }
static const char *clone_newuser_high(void) { return child(syscall(SYS_clone, HIGH | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }
static const char *unshare_newuser(void) { return result(syscall(SYS_unshare, CLONE_NEWUSER)); }

static void *nothing(void *p) { return p; }
static const char *thread(void)
{
	pthread_t t;
	if ((errno = pthread_create(&t, NULL, nothing, NULL)))
		return result(-1);
	pthread_join(t, NULL);
	return "ok";
}

#ifdef __x86_64__
static const char *i386(void)
{
	long rc = 20; /* getpid */
	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory", "r8", "r9", "r10", "r11");
	if (rc < 0 && rc > -4096) {
		errno = -rc;
		rc = -1;
	}
	return result(rc);
}
static const char *x32(void) { return result(syscall(0x40000000 | SYS_getpid)); }
#endif

#ifdef SYS_chmod
static const char *chmod_suid(void) { plain(); return made("f", syscall(SYS_chmod, "f", 04755)); }
static const char *chmod_sgid(void) { plain(); return made("f", syscall(SYS_chmod, "f", 02755)); }
static const char *chmod_suid_high(void) { plain(); return made("f", syscall(SYS_chmod, "f", HIGH | 04755)); }
static const char *creat_suid(void) { return made("f", syscall(SYS_creat, "f", 04755)); }
static const char *open_suid(void) { return made("f", syscall(SYS_open, "f", O_CREAT | O_WRONLY, 04755)); }
static const char *open_sgid(void) { return made("f", syscall(SYS_open, "f", O_CREAT | O_WRONLY, 02755)); }
static const char *open_high(void) { return made("f", syscall(SYS_open, "f", HIGH | O_CREAT | O_WRONLY, HIGH | 04755)); }
static const char *mknod_suid(void) { return made("f", syscall(SYS_mknod, "f", S_IFREG | 04755, 0)); }
static const char *open_garbage(void) { plain(); return result(syscall(SYS_open, "f", O_RDONLY, 06755)); }
#endif
static const char *fchmod_suid(void) { return made("f", syscall(SYS_fchmod, plain(), 04755)); }
static const char *fchmodat_suid(void) { plain(); return made("f", syscall(SYS_fchmodat, AT_FDCWD, "f", 04755)); }
static const char *fchmodat2_suid(void) { plain(); return made("f", syscall(nr_fchmodat2, AT_FDCWD, "f", 04755, 0)); }
static const char *fchmodat2_sgid(void) { plain(); return made("f", syscall(nr_fchmodat2, AT_FDCWD, "f", 02755, 0)); }
static const char *openat_suid(void) { return made("f", syscall(SYS_openat, AT_FDCWD, "f", O_CREAT | O_WRONLY, 04755)); }
static const char *openat_sgid(void) { return made("f", syscall(SYS_openat, AT_FDCWD, "f", O_CREAT | O_WRONLY, 02755)); }
static const char *openat_plain(void) { return made("f", syscall(SYS_openat, AT_FDCWD, "f", O_CREAT | O_WRONLY, 0755)); }
static const char *mknodat_suid(void) { return made("f", syscall(SYS_mknodat, AT_FDCWD, "f", S_IFREG | 04755, 0)); }
static const char *openat2_suid(void)
{
	uint64_t how[3] = { O_CREAT | O_WRONLY, 04755, 0 };
	return made("f", syscall(nr_openat2, AT_FDCWD, "f", how, sizeof how));
}
static const char *tmpfile_suid(void)
{
	char path[64];
	int fd = syscall(SYS_openat, AT_FDCWD, ".", O_TMPFILE | O_WRONLY, 04755);
	if (fd < 0)
		return result(fd);
	struct stat s;
	fstat(fd, &s);
	snprintf(path, sizeof path, "made %o", s.st_mode & 07777);
	return strcpy(out, path);
}
static const char *mkdir_suid(void) { return made("d", syscall(SYS_mkdirat, AT_FDCWD, "d", 06755)); }
static const char *mq_suid(void)
{
	int fd = syscall(SYS_mq_open, "tincan-holes", O_CREAT | O_RDWR, 04600, NULL);
	struct stat s;
	if (fd < 0)
		return result(fd);
	fstat(fd, &s);
	syscall(SYS_mq_unlink, "tincan-holes");
	snprintf(out, sizeof out, "made %o", s.st_mode & 07777);
	return out;
}

/* io_uring, without its library: one OPENAT with a set-user-ID mode. The kernel opens the file, and no filter sees an openat. */
static const char *io_uring_openat(void)
{
	uint32_t p[30] = { 0 }; /* struct io_uring_params: sq_off at word 10, cq_off at word 20 */
	int fd = syscall(nr_io_uring_setup, 2, p);
	if (fd < 0)
		return result(fd);
	uint32_t *sq = p + 10;
	char *ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	char *sqe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0x10000000);
	if (ring == MAP_FAILED || sqe == MAP_FAILED)
		return result(-1);
	sqe[0] = 18; /* IORING_OP_OPENAT */
	*(int32_t *)(sqe + 4) = AT_FDCWD;
	*(uint64_t *)(sqe + 16) = (uintptr_t)"f";
	*(uint32_t *)(sqe + 24) = 04755;
	*(uint32_t *)(sqe + 28) = O_CREAT | O_WRONLY;
	((uint32_t *)(ring + sq[6]))[0] = 0;               /* the first entry of the array: our request */
	__atomic_store_n((uint32_t *)(ring + sq[1]), 1, __ATOMIC_RELEASE); /* the tail */
	if (syscall(nr_io_uring_enter, fd, 1, 1, 1 /* GETEVENTS */, NULL, 0) < 0)
		return result(-1);
	return made("f", 0);
}
static const char *io_uring_setup(void) { uint32_t p[30] = { 0 }; return result(syscall(nr_io_uring_setup, 2, p)); }
static const char *io_uring_enter(void) { return result(syscall(nr_io_uring_enter, -1, 0, 0, 0, 0, 0)); }
static const char *io_uring_register(void) { return result(syscall(nr_io_uring_register, -1, 0, 0, 0)); }

static const char *fsopen(void) { return result(syscall(nr_fsopen, "tmpfs", 0)); }
static const char *fsconfig(void) { return result(syscall(nr_fsconfig, -1, 6, 0, 0, 0)); }
static const char *fsmount(void) { return result(syscall(nr_fsmount, -1, 0, 0)); }
static const char *fspick(void) { return result(syscall(nr_fspick, -1, "x", 0)); }
static const char *open_tree(void) { return result(syscall(nr_open_tree, AT_FDCWD, "/", 0)); }
static const char *move_mount(void) { return result(syscall(nr_move_mount, -1, "", -1, "", 4)); }
static const char *mount_setattr(void) { return result(syscall(nr_mount_setattr, -1, "", 0, 0, 0)); }
static const char *open_tree_attr(void) { return result(syscall(nr_open_tree_attr, -1, "", 0, 0, 0)); }
static const char *old_mount(void) { return result(syscall(SYS_mount, "x", "/nowhere/at/all", "tmpfs", 0, 0)); }

static const char *vsock(void) { return result(syscall(SYS_socket, 40, 1, 0)); }
static const char *vsock_high(void) { return result(syscall(SYS_socket, HIGH | 40, 1, 0)); }
static const char *alg(void) { return result(syscall(SYS_socket, 38, 5, 0)); }
static const char *alg_high(void) { return result(syscall(SYS_socket, HIGH | 38, 5, 0)); }
static const char *key(void) { return result(syscall(SYS_socket, 15, 3, 2)); }
static const char *unix_socket(void) { return result(syscall(SYS_socket, 1, 1, 0)); }
static const char *inet_socket(void) { return result(syscall(SYS_socket, 2, 1, 0)); }
static const char *netlink_socket(void) { return result(syscall(SYS_socket, 16, 3, 0)); }
static const char *bpf(void) { return result(syscall(SYS_bpf, 9999, 0, 0)); }
static const char *kexec_load(void) { return result(syscall(SYS_kexec_load, 0, 1000, 0, 0xffffff)); }
#ifdef SYS_kexec_file_load
static const char *kexec_file_load(void) { return result(syscall(SYS_kexec_file_load, -1, -1, 0, 0, 0xffffff)); }
#endif
static const char *init_module(void) { return result(syscall(SYS_init_module, 0, 0, 0)); }
static const char *finit_module(void) { return result(syscall(SYS_finit_module, -1, "", 0)); }
static const char *delete_module(void) { return result(syscall(SYS_delete_module, "tincan_no_such_module", O_NONBLOCK)); }
static const char *reboot(void) { return result(syscall(SYS_reboot, 0, 0, 0, 0)); }
static const char *swapon(void) { return result(syscall(SYS_swapon, 0, 0)); }
static const char *swapoff(void) { return result(syscall(SYS_swapoff, 0)); }
static const char *setns_(void) { return result(syscall(SYS_setns, -1, 0)); }
static const char *userfaultfd(void) { return result(syscall(SYS_userfaultfd, 1)); }
static const char *userfaultfd_device(void) { return result(syscall(SYS_ioctl, -1, 0xaa00, 0)); }
static const char *home_node(void) { return result(syscall(nr_home_node, 1, 0, 0, 0)); }
static const char *usersock(void) { return result(syscall(SYS_socket, 16, 3, 2)); }
static const char *usersock_high(void) { return result(syscall(SYS_socket, 16, 3, HIGH | 2)); }
static const char *kernel_log(void) { return result(syscall(SYS_syslog, 10, 0, 0)); }
static const char *keyctl(void) { return result(syscall(SYS_keyctl, 0, -3, 0)); }
static const char *perf(void) { return result(syscall(SYS_perf_event_open, 0, 0, 0, -1, 0)); }

static const struct { const char *name; const char *(*attack)(void); } attacks[] = {
	{ "tiocsti", tiocsti }, { "tiocsti-high", tiocsti_high }, { "tiocgwinsz", tiocgwinsz }, { "fionread", fionread },
	{ "fioasync", fioasync }, { "tioclinux", tioclinux }, { "tiocsetd", tiocsetd }, { "tioclinux-high", tioclinux_high },
	{ "clone3-newuser", clone3_newuser }, { "clone-newuser", clone_newuser }, { "clone-newuser-high", clone_newuser_high },
	{ "unshare-newuser", unshare_newuser }, { "thread", thread },
#ifdef __x86_64__
	{ "i386", i386 }, { "x32", x32 },
#endif
#ifdef SYS_chmod
	{ "chmod-suid", chmod_suid }, { "chmod-sgid", chmod_sgid }, { "chmod-suid-high", chmod_suid_high },
	{ "creat-suid", creat_suid }, { "open-suid", open_suid }, { "open-sgid", open_sgid }, { "open-high", open_high },
	{ "mknod-suid", mknod_suid }, { "open-garbage-mode", open_garbage },
#endif
	{ "fchmod-suid", fchmod_suid }, { "fchmodat-suid", fchmodat_suid }, { "fchmodat2-suid", fchmodat2_suid },
	{ "fchmodat2-sgid", fchmodat2_sgid }, { "openat-suid", openat_suid }, { "openat-sgid", openat_sgid },
	{ "openat-plain", openat_plain }, { "mknodat-suid", mknodat_suid }, { "openat2-suid", openat2_suid },
	{ "tmpfile-suid", tmpfile_suid }, { "mkdir-suid", mkdir_suid }, { "mq-suid", mq_suid },
	{ "io-uring-openat", io_uring_openat }, { "io-uring-setup", io_uring_setup }, { "io-uring-enter", io_uring_enter },
	{ "io-uring-register", io_uring_register },
	{ "fsopen", fsopen }, { "fsconfig", fsconfig }, { "fsmount", fsmount }, { "fspick", fspick }, { "open-tree", open_tree },
	{ "move-mount", move_mount }, { "mount-setattr", mount_setattr }, { "open-tree-attr", open_tree_attr }, { "mount", old_mount },
	{ "vsock", vsock }, { "vsock-high", vsock_high }, { "alg", alg }, { "alg-high", alg_high }, { "key", key },
	{ "unix", unix_socket }, { "inet", inet_socket }, { "netlink", netlink_socket },
	{ "bpf", bpf }, { "kexec-load", kexec_load },
#ifdef SYS_kexec_file_load
	{ "kexec-file-load", kexec_file_load },
#endif
	{ "init-module", init_module }, { "finit-module", finit_module }, { "delete-module", delete_module },
	{ "reboot", reboot }, { "swapon", swapon }, { "swapoff", swapoff }, { "setns", setns_ }, { "userfaultfd", userfaultfd },
	{ "userfaultfd-device", userfaultfd_device }, { "set-mempolicy-home-node", home_node }, { "keyctl", keyctl },
	{ "usersock", usersock }, { "usersock-high", usersock_high }, { "kernel-log", kernel_log },
	{ "perf-event-open", perf },
};

static void attempt(const char *name, const char *(*attack)(void))
{
	int status;
	char dir[256];
	const char *tmp = getenv("TMPDIR");
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0) {
		printf("%s fork %s\n", name, strerrorname_np(errno));
		return;
	}
	if (pid == 0) {
		umask(0);
		snprintf(dir, sizeof dir, "%s/holes.XXXXXX", tmp && *tmp ? tmp : "/tmp");
		if (!mkdtemp(dir) || chdir(dir))
			_exit(3);
		alarm(10);
		printf("%s %s\n", name, attack());
		fflush(stdout);
		unlink("f");
		rmdir("d");
		rmdir(dir);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("%s killed SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		printf("%s no place to work in\n", name);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		int wanted = argc < 2;
		for (int j = 1; j < argc; j++)
			wanted |= !strcmp(argv[j], attacks[i].name);
		if (wanted)
			attempt(attacks[i].name, attacks[i].attack);
	}
	return 0;
}
