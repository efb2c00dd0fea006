# Completions of tincan for bash.
#
# completions/ has what 'make docs' generates from gen/tincan.bash and the flags in the source.
# bash 4.3 or newer. With the package bash-completion, the container's command has its own completions.

# _tincan_words sets words and starts: the words up to the cursor, and where in COMP_WORDS each
# begins. bash divides a word at = and at the colon as well.
_tincan_words() {
	local rest=${COMP_LINE:0:COMP_POINT} part i
	words=() starts=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		part=${COMP_WORDS[i]}
		if ((i == 0)) || [[ $rest == [[:space:]]* ]]; then
			rest=${rest#"${rest%%[![:space:]]*}"}
			words+=("") starts+=("$i")
		fi
		((i < COMP_CWORD)) || part=${part:0:${#rest}}
		words[-1]+=$part
		rest=${rest#"$part"}
	done
}

# _tincan_flags sets what the command has: flags, those with a value, and whether the words
# behind them are a command of the container.
_tincan_flags() {
	flags= values= passes=
	case $1 in
	"run")
		flags="-m --mount -a --add --here --ro --ephemeral --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --init --no-init --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --seccomp-strict-ints --seccomp-log --memory --swap --pids --cpu-weight --cpus --io-weight --no-cgroup --rlimit --config -q --quiet --step -d --debug -h --help --version"
		values="-m --mount -a --add --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --memory --swap --pids --cpu-weight --cpus --io-weight --rlimit --config" passes=yes
		;;
	"record")
		flags="-m --mount -a --add --here --ro --ephemeral --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --init --no-init --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --seccomp-strict-ints --seccomp-log --memory --swap --pids --cpu-weight --cpus --io-weight --no-cgroup --rlimit --config -q --quiet --step -d --debug -o --output --minimal --args --merge --diff --report --files --apparmor-out -h --help --version"
		values="-m --mount -a --add --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --memory --swap --pids --cpu-weight --cpus --io-weight --rlimit --config -o --output --merge --diff --apparmor-out" passes=yes
		;;
	"plan")
		flags="-m --mount -a --add --here --ro --ephemeral --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --init --no-init --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --seccomp-strict-ints --seccomp-log --memory --swap --pids --cpu-weight --cpus --io-weight --no-cgroup --rlimit --config -q --quiet --step -d --debug --explain --chapter --json -h --help --version"
		values="-m --mount -a --add --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --memory --swap --pids --cpu-weight --cpus --io-weight --rlimit --config --chapter" passes=yes
		;;
	"seccomp show")
		flags="--caps --arch --seccomp-strict-ints -h --help --version"
		values="--caps --arch"
		;;
	"seccomp compile")
		flags="-o --output --caps --arch --seccomp-strict-ints -h --help --version"
		values="-o --output --caps --arch"
		;;
	"seccomp eval")
		flags="--caps --arch --seccomp-strict-ints -h --help --version"
		values="--caps --arch"
		;;
	"check")
		flags="-h --help --version"
		values=""
		;;
	"initramfs")
		flags="-o --output --add --args-file -h --help --version"
		values="-o --output --add --args-file"
		;;
	"init")
		flags="--no-container --poweroff --debug-exit -h --help --version"
		values="--poweroff"
		;;
	esac
}

# _tincan_value sets how compgen finds the values of a flag, or of an argument.
_tincan_value() {
	how=()
	case $1 in
	"record -o" | "record --output") how=(-f) ;;
	"record --merge") how=(-f) ;;
	"record --diff") how=(-f) ;;
	"record --apparmor-out") how=(-f) ;;
	"seccomp show 0") how=(-f -W $'default\nsetid\ntutorial\nnone') ;;
	"seccomp show --caps") how=(-W $'ALL\nCHOWN\nDAC_OVERRIDE\nDAC_READ_SEARCH\nFOWNER\nFSETID\nKILL\nSETGID\nSETUID\nSETPCAP\nLINUX_IMMUTABLE\nNET_BIND_SERVICE\nNET_BROADCAST\nNET_ADMIN\nNET_RAW\nIPC_LOCK\nIPC_OWNER\nSYS_MODULE\nSYS_RAWIO\nSYS_CHROOT\nSYS_PTRACE\nSYS_PACCT\nSYS_ADMIN\nSYS_BOOT\nSYS_NICE\nSYS_RESOURCE\nSYS_TIME\nSYS_TTY_CONFIG\nMKNOD\nLEASE\nAUDIT_WRITE\nAUDIT_CONTROL\nSETFCAP\nMAC_OVERRIDE\nMAC_ADMIN\nSYSLOG\nWAKE_ALARM\nBLOCK_SUSPEND\nAUDIT_READ\nPERFMON\nBPF\nCHECKPOINT_RESTORE') ;;
	"seccomp show --arch") how=(-W $'x86_64\nx86\nx32\narm64\narm\nriscv64') ;;
	"seccomp compile 0") how=(-f -W $'default\nsetid\ntutorial\nnone') ;;
	"seccomp compile -o" | "seccomp compile --output") how=(-f) ;;
	"seccomp compile --caps") how=(-W $'ALL\nCHOWN\nDAC_OVERRIDE\nDAC_READ_SEARCH\nFOWNER\nFSETID\nKILL\nSETGID\nSETUID\nSETPCAP\nLINUX_IMMUTABLE\nNET_BIND_SERVICE\nNET_BROADCAST\nNET_ADMIN\nNET_RAW\nIPC_LOCK\nIPC_OWNER\nSYS_MODULE\nSYS_RAWIO\nSYS_CHROOT\nSYS_PTRACE\nSYS_PACCT\nSYS_ADMIN\nSYS_BOOT\nSYS_NICE\nSYS_RESOURCE\nSYS_TIME\nSYS_TTY_CONFIG\nMKNOD\nLEASE\nAUDIT_WRITE\nAUDIT_CONTROL\nSETFCAP\nMAC_OVERRIDE\nMAC_ADMIN\nSYSLOG\nWAKE_ALARM\nBLOCK_SUSPEND\nAUDIT_READ\nPERFMON\nBPF\nCHECKPOINT_RESTORE') ;;
	"seccomp compile --arch") how=(-W $'x86_64\nx86\nx32\narm64\narm\nriscv64') ;;
	"seccomp eval 0") how=(-f -W $'default\nsetid\ntutorial\nnone') ;;
	"seccomp eval --caps") how=(-W $'ALL\nCHOWN\nDAC_OVERRIDE\nDAC_READ_SEARCH\nFOWNER\nFSETID\nKILL\nSETGID\nSETUID\nSETPCAP\nLINUX_IMMUTABLE\nNET_BIND_SERVICE\nNET_BROADCAST\nNET_ADMIN\nNET_RAW\nIPC_LOCK\nIPC_OWNER\nSYS_MODULE\nSYS_RAWIO\nSYS_CHROOT\nSYS_PTRACE\nSYS_PACCT\nSYS_ADMIN\nSYS_BOOT\nSYS_NICE\nSYS_RESOURCE\nSYS_TIME\nSYS_TTY_CONFIG\nMKNOD\nLEASE\nAUDIT_WRITE\nAUDIT_CONTROL\nSETFCAP\nMAC_OVERRIDE\nMAC_ADMIN\nSYSLOG\nWAKE_ALARM\nBLOCK_SUSPEND\nAUDIT_READ\nPERFMON\nBPF\nCHECKPOINT_RESTORE') ;;
	"seccomp eval --arch") how=(-W $'x86_64\nx86\nx32\narm64\narm\nriscv64') ;;
	"initramfs -o" | "initramfs --output") how=(-f) ;;
	"initramfs --add") how=(-f) ;;
	"initramfs --args-file") how=(-f) ;;
	"init --poweroff") how=(-W $'never\nalways\non-success') ;;
	"run -m" | "run --mount" | "record -m" | "record --mount" | "plan -m" | "plan --mount") how=(-d) ;;
	"run -a" | "run --add" | "record -a" | "record --add" | "plan -a" | "plan --add") how=(-f) ;;
	"run --here" | "record --here" | "plan --here") how=(-W $'ro') ;;
	"run --tmpfs" | "record --tmpfs" | "plan --tmpfs") how=(-d) ;;
	"run -e" | "run --env" | "record -e" | "record --env" | "plan -e" | "plan --env") how=(-v) ;;
	"run --env-file" | "record --env-file" | "plan --env-file") how=(-f) ;;
	"run -w" | "run --workdir" | "record -w" | "record --workdir" | "plan -w" | "plan --workdir") how=(-d) ;;
	"run --stats" | "record --stats" | "plan --stats") how=(-f) ;;
	"run --net" | "record --net" | "plan --net") how=(-W $'none\nhost') ;;
	"run --map" | "record --map" | "plan --map") how=(-W $'auto') ;;
	"run --caps" | "record --caps" | "plan --caps") how=(-W $'tutorial\ndocker') ;;
	"run --cap-add" | "record --cap-add" | "plan --cap-add") how=(-W $'ALL\nCHOWN\nDAC_OVERRIDE\nDAC_READ_SEARCH\nFOWNER\nFSETID\nKILL\nSETGID\nSETUID\nSETPCAP\nLINUX_IMMUTABLE\nNET_BIND_SERVICE\nNET_BROADCAST\nNET_ADMIN\nNET_RAW\nIPC_LOCK\nIPC_OWNER\nSYS_MODULE\nSYS_RAWIO\nSYS_CHROOT\nSYS_PTRACE\nSYS_PACCT\nSYS_ADMIN\nSYS_BOOT\nSYS_NICE\nSYS_RESOURCE\nSYS_TIME\nSYS_TTY_CONFIG\nMKNOD\nLEASE\nAUDIT_WRITE\nAUDIT_CONTROL\nSETFCAP\nMAC_OVERRIDE\nMAC_ADMIN\nSYSLOG\nWAKE_ALARM\nBLOCK_SUSPEND\nAUDIT_READ\nPERFMON\nBPF\nCHECKPOINT_RESTORE') ;;
	"run --cap-drop" | "record --cap-drop" | "plan --cap-drop") how=(-W $'ALL\nCHOWN\nDAC_OVERRIDE\nDAC_READ_SEARCH\nFOWNER\nFSETID\nKILL\nSETGID\nSETUID\nSETPCAP\nLINUX_IMMUTABLE\nNET_BIND_SERVICE\nNET_BROADCAST\nNET_ADMIN\nNET_RAW\nIPC_LOCK\nIPC_OWNER\nSYS_MODULE\nSYS_RAWIO\nSYS_CHROOT\nSYS_PTRACE\nSYS_PACCT\nSYS_ADMIN\nSYS_BOOT\nSYS_NICE\nSYS_RESOURCE\nSYS_TIME\nSYS_TTY_CONFIG\nMKNOD\nLEASE\nAUDIT_WRITE\nAUDIT_CONTROL\nSETFCAP\nMAC_OVERRIDE\nMAC_ADMIN\nSYSLOG\nWAKE_ALARM\nBLOCK_SUSPEND\nAUDIT_READ\nPERFMON\nBPF\nCHECKPOINT_RESTORE') ;;
	"run --seccomp" | "record --seccomp" | "plan --seccomp") how=(-f -W $'default\nsetid\ntutorial\nnone') ;;
	"run --memory" | "record --memory" | "plan --memory") how=(-W $'max') ;;
	"run --swap" | "record --swap" | "plan --swap") how=(-W $'max') ;;
	"run --pids" | "record --pids" | "plan --pids") how=(-W $'max') ;;
	"run --cpus" | "record --cpus" | "plan --cpus") how=(-W $'max') ;;
	"run --rlimit" | "record --rlimit" | "plan --rlimit") how=(-W $'cpu=\nfsize=\ndata=\nstack=\ncore=\nrss=\nnproc=\nnofile=\nmemlock=\nas=\nlocks=\nsigpending=\nmsgqueue=\nnice=\nrtprio=\nrttime=') ;;
	"run --config" | "record --config" | "plan --config") how=(-f) ;;
	"help 0") how=(-W $'run\nrecord\nplan\ncheck\nseccomp\ninitramfs\ninit\nhelp\nversion') ;;
	esac
}

# _tincan_reply offers the words that compgen finds for what is typed. Behind a = or a colon bash
# replaces only the rest.
_tincan_reply() {
	local typed=$1 whole=$2 before=
	shift 2
	if [[ $whole == *[=:]* && $COMP_WORDBREAKS == *=* ]]; then
		before=${whole%"${whole##*[=:]}"}
		before=${before#"${whole%"$typed"}"}
	fi
	local IFS=$'\n'
	COMPREPLY=($(compgen "$@" -- "$typed"))
	COMPREPLY=("${COMPREPLY[@]#"$before"}")
	if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace 2>/dev/null
	fi
}

_tincan() {
	local words starts flags values passes how
	COMPREPLY=()
	_tincan_words
	local last=$((${#words[@]} - 1)) command=run i=1 n=0
	local cur=${words[last]}
	if ((last > 1)); then
		case ${words[1]} in
		seccomp)
			if ((last == 2)); then
				_tincan_reply "$cur" "$cur" -W $'show\ncompile\neval'
				return
			fi
			command="seccomp ${words[2]}" i=3
			;;
		run | record | plan | check | seccomp | initramfs | init | help | version) command=${words[1]} i=2 ;;
		esac
	fi
	_tincan_flags "$command"
	for (( ; i < last; i++)); do
		case ${words[i]} in
		--)
			((i++))
			break
			;;
		-*) [[ " $values " != *" ${words[i]} "* ]] || ((++i)) ;;
		*)
			[[ ! $passes ]] || break
			((++n))
			;;
		esac
	done
	if ((i > last)); then # the value of a flag, as the next word
		_tincan_value "$command ${words[last - 1]}"
		[[ " ${how[*]} " != *" -f "* && " ${how[*]} " != *" -d "* ]] || compopt -o filenames 2>/dev/null
		((${#how[@]} == 0)) || _tincan_reply "$cur" "$cur" "${how[@]}"
	elif [[ $passes ]] && { ((i < last)) || [[ ${words[i - 1]} == -- ]] || { ((last > 1)) && [[ $cur != -* ]]; }; }; then
		if declare -F _command_offset >/dev/null; then
			_command_offset "${starts[i]}"
		else
			compopt -o filenames 2>/dev/null
			_tincan_reply "$cur" "$cur" "$( ((i < last)) && echo -f || echo -c)"
		fi
	elif [[ $cur == --*=* ]]; then
		_tincan_value "$command ${cur%%=*}"
		[[ " ${how[*]} " != *" -f "* && " ${how[*]} " != *" -d "* ]] || compopt -o filenames 2>/dev/null
		((${#how[@]} == 0)) || _tincan_reply "${cur#*=}" "$cur" "${how[@]}"
	elif [[ $cur == -* ]]; then
		_tincan_reply "$cur" "$cur" -W "${flags// /$'\n'}"
	elif ((last == 1)); then
		_tincan_reply "$cur" "$cur" -W $'run\nrecord\nplan\ncheck\nseccomp\ninitramfs\ninit\nhelp\nversion'
		if ((${#COMPREPLY[@]} == 0)); then # run is meant
			compopt -o filenames 2>/dev/null
			_tincan_reply "$cur" "$cur" -c
		fi
	else
		_tincan_value "$command $n"
		[[ " ${how[*]} " != *" -f "* ]] || compopt -o filenames 2>/dev/null
		((${#how[@]} == 0)) || _tincan_reply "$cur" "$cur" "${how[@]}"
	fi
}

complete -F _tincan tincan
