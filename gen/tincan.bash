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
@FLAGS@
	esac
}

# _tincan_value sets how compgen finds the values of a flag, or of an argument.
_tincan_value() {
	how=()
	case $1 in
@VALUES@
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
				_tincan_reply "$cur" "$cur" -W $'@SECCOMP@'
				return
			fi
			command="seccomp ${words[2]}" i=3
			;;
		@FIRST@) command=${words[1]} i=2 ;;
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
		_tincan_reply "$cur" "$cur" -W $'@COMMANDS@'
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
