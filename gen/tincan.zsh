#compdef tincan
# Completions of tincan for zsh.
#
# completions/ has what 'make docs' generates from gen/tincan.zsh and the flags in the source.

_tincan_word_or_file() {
	_alternative "words:word:($*)" 'files:file:_files'
}

@FUNCTIONS@

_tincan_commands() {
	local -a commands=(
@COMMANDS@
	)
	_describe -t commands "tincan's command" commands
}

_tincan_seccomp() {
	local -a commands=(
@SECCOMP@
	)
	if ((CURRENT == 2)); then
		_describe -t commands 'command of tincan seccomp' commands
	elif (($+functions[_tincan_seccomp_$words[2]])); then
		shift words
		((CURRENT--))
		_tincan_seccomp_$words[1]
	fi
}

_tincan() {
	if ((CURRENT == 2)) && [[ $PREFIX != -* ]]; then
		_alternative "tincan:tincan's command:_tincan_commands" 'commands:command:_command_names -e'
	elif [[ $words[2] == help ]]; then
		((CURRENT == 3)) && _tincan_commands
	elif ((CURRENT > 2 && $+functions[_tincan_$words[2]])); then
		shift words
		((CURRENT--))
		_tincan_$words[1]
	else
		_tincan_run
	fi
}

if [[ $funcstack[1] == _tincan ]]; then # loaded by compinit
	_tincan "$@"
else # with source
	compdef _tincan tincan
fi
