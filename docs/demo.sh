#!/bin/sh
# A container at work: the same questions, asked outside and inside. `make run` runs this
# script. It needs only a POSIX shell.
#
# usage: sh docs/demo.sh TINCAN
set -eu
tincan=$1

# The questions use only built-in commands and /proc, because a minimal system has no ps.
questions='
kinds() { n=0; for i in $1; do [ -e "$i" ] && n=$((n + 1)); done; echo $n; }
line() { while read -r key rest; do [ "$key" = "$1" ] && { set -- $rest; echo "${1:-}"; return; }; done </proc/self/status; }
say() { printf "%s\t%s\n" "$1" "$2"; }
read -r host </proc/sys/kernel/hostname
read -r one </proc/1/comm
say "hostname" "$host"
say "user id" "$(line Uid:)"
more=
{ read -r _ outside count; read -r more || :; } </proc/self/uid_map
if [ "$count" = 4294967295 ]; then count=all; fi
ids="$outside and up ($count)"
if [ -n "${USER_ID-}" ]; then ids="$USER_ID, yours${more:+, and those of /etc/subuid}"; fi
say "  its ids on the host" "$ids"
say "processes that it sees" "$(kinds "/proc/[0-9]*")"
say "  process 1 is" "$one"
say "network interfaces" "$(cd /sys/class/net && echo *)"
say "files in /home and /root" "$(kinds "/home/* /root/*")"
if (: >/demo-was-here) 2>/dev/null; then rm -f /demo-was-here; say "can write to /" yes; else say "can write to /" no; fi
if (: >/tmp/demo-was-here) 2>/dev/null; then rm -f /tmp/demo-was-here; say "can write to /tmp" "yes${INSIDE:+ (its own)}"; else say "can write to /tmp" no; fi
say "capabilities (a bit for each)" "$(line CapEff:)"
say "system call filter" "$(line Seccomp: | sed "s/0/no/;s/[12]/yes/")"
say "open files, at most" "$(ulimit -n)"
'

# Without root, the container is the user's own. It has limits if the user has a resource group.
as= group= user=
if [ "$(id -u)" != 0 ]; then
	if reason=$("$tincan" run --no-cgroup -- true 2>&1); then
		user="-e USER_ID=$(id -u)"
		"$tincan" run --pids=8 -- true 2>/dev/null || group=--no-cgroup
	elif command -v sudo >/dev/null; then
		printf '%s\n' "$reason" 'So this asks sudo for root.'
		as=sudo
	else
		printf '%s\n' "$reason" "$tincan check says more. Or, as root: make run"
		exit 1
	fi
fi

outside=$(sh -c "$questions")
inside=$($as "$tincan" run $group $user -e INSIDE=1 -- sh -c "$questions")
tab=$(printf '\t')

echo
echo 'A container is an ordinary process that is shown another machine. The same'
echo 'questions, asked by a shell outside and by a shell inside:'
echo
printf '  %-32s %-22s %s\n' '' OUTSIDE INSIDE
printf '%s\n' "$outside" | while IFS="$tab" read -r question answer; do
	other=$(printf '%s\n' "$inside" | while IFS="$tab" read -r q a; do [ "$q" = "$question" ] && { printf %s "$a"; break; }; done || :)
	printf '  %-32s %-22s %s\n' "$question" "$answer" "$other"
done

echo
if [ -z "$group" ]; then
	echo "All its processes together: 1GiB of memory, 64 processes. A fork bomb's end:"
else
	echo 'Limits for all its processes together need a resource group of your own. Without one:'
fi
echo
echo '  $ tincan --pids=8 -- sh -c "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done"'
$as "$tincan" run --pids=8 -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done' 2>&1 | sed 's/^/  /' || :

calls=$("$tincan" plan -- sh | grep -c '^ *[0-9][0-9]* ')
echo
echo "It took $calls steps, nearly all of them system calls. The last ones inside the container:"
echo
echo '  $ tincan plan -- sh'
"$tincan" plan -- sh | grep -E ' (child|command) ' | grep -E 'unshare\(CLONE_NEWUSER|setresuid|NO_NEW_PRIVS|prlimit|seccomp' | cut -c1-100 | sed 's/^/  /'
"$tincan" plan -- sh | grep -E ' execve\(' | tail -1 | cut -c1-100 | sed 's/^/  /'
echo
echo "Next: $tincan plan --explain -- sh    $tincan check    $tincan run --help"

if [ -t 0 ] && [ -t 1 ]; then
	shell=sh
	if command -v bash >/dev/null; then shell=bash; fi
	echo
	echo "Here is a shell in a container, on this machine's own files, read-only. exit ends it."
	$as "$tincan" run $group -- $shell || :
fi
