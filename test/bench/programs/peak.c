/* Runs its arguments and prints the peak resident memory of the largest process, in
 * KiB. For a process that comes from vfork, the kernel includes the starter's own memory
 * (getrusage(2): ru_maxrss survives execve), so the starter must be small. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int status;
	struct rusage usage;
	pid_t pid = vfork();
	if (pid == 0) {
		close(1);
		dup(0);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) return 125;
	printf("%ld\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
