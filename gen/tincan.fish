# Completions of tincan for fish.
#
# completions/ has what 'make docs' generates from gen/tincan.fish and the flags in the source.

# __tincan_values prints the flags of a command that have a value.
function __tincan_values
    switch $argv[1]
@VALUES@
    end
end

# __tincan_line prints the command on the first line, and the words of the container's own command,
# if it has begun, on the others.
function __tincan_line
    set -l words (commandline -opc)
    set -e words[1]
    set -l command run
    if contains -- "$words[1]" @COMMANDS@
        set command $words[1]
        set -e words[1]
        if test $command = seccomp; and contains -- "$words[1]" @SECCOMP@
            set command seccomp_$words[1]
            set -e words[1]
        end
    end
    echo $command
    contains -- $command @PASSES@
    or return
    set -l with (__tincan_values $command)
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                string join \n -- $words ''
                return
            case '-*'
                contains -- $words[1] $with
                and set -e words[1]
            case '*'
                string join \n -- $words ''
                return
        end
        set -e words[1]
    end
end

# __tincan_in reports whether the cursor is behind one of the commands, and before that of the
# container.
function __tincan_in
    set -l line (__tincan_line)
    test (count $line) = 1
    and contains -- $line[1] $argv
end

# __tincan_first reports whether the first word is not complete.
function __tincan_first
    test (count (commandline -opc)) = 1
end

# __tincan_inside reports whether the cursor is in the container's command.
function __tincan_inside
    test (count (__tincan_line)) -gt 1
end

# __tincan_command completes the container's command.
function __tincan_command
    set -l words (__tincan_line)
    complete --do-complete=(string join ' ' -- (string escape -- $words[2..-2]) (commandline -ct) | string collect)
end

# __tincan_program completes the name of the container's program.
function __tincan_program
    set -l word (commandline -ct)
    string match -q -- '-*' $word
    or test -z "$word"
    and __tincan_first
    or complete --do-complete=$word
end

complete -c tincan -f
complete -c tincan -n __tincan_inside -a '(__tincan_command)'
complete -c tincan -n '__tincan_in @PASSES@' -a '(__tincan_program)'
complete -c tincan -n __tincan_first -a help -d 'Explain a command'
complete -c tincan -n __tincan_first -a version -d 'Print the version'
complete -c tincan -n __tincan_first -a seccomp -d 'Look at a system call filter, compile it, or ask it'
complete -c tincan -n '__tincan_in help' -a '@COMMANDS@'
@COMPLETE@
