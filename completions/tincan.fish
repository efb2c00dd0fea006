# Completions of tincan for fish.
#
# completions/ has what 'make docs' generates from gen/tincan.fish and the flags in the source.

# __tincan_values prints the flags of a command that have a value.
function __tincan_values
    switch $argv[1]
        case run
            string split ' ' -- '-m --mount -a --add --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --memory --swap --pids --cpu-weight --cpus --io-weight --rlimit --config'
        case record
            string split ' ' -- '-m --mount -a --add --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --memory --swap --pids --cpu-weight --cpus --io-weight --rlimit --config -o --output --merge --diff --apparmor-out'
        case plan
            string split ' ' -- '-m --mount -a --add --tmpfs -c --command -e --env --env-file -w --workdir --pass-fd --timeout --stats --status-fd --hostname --net -u --uid --gid --map --caps --cap-add --cap-drop --seccomp --apparmor --memory --swap --pids --cpu-weight --cpus --io-weight --rlimit --config --chapter'
        case seccomp_show
            string split ' ' -- '--caps --arch'
        case seccomp_compile
            string split ' ' -- '-o --output --caps --arch'
        case seccomp_eval
            string split ' ' -- '--caps --arch'
        case check
            string split ' ' -- ''
        case initramfs
            string split ' ' -- '-o --output --add --args-file'
        case init
            string split ' ' -- '--poweroff'
    end
end

# __tincan_line prints the command on the first line, and the words of the container's own command,
# if it has begun, on the others.
function __tincan_line
    set -l words (commandline -opc)
    set -e words[1]
    set -l command run
    if contains -- "$words[1]" run record plan check seccomp initramfs init help version
        set command $words[1]
        set -e words[1]
        if test $command = seccomp; and contains -- "$words[1]" show compile eval
            set command seccomp_$words[1]
            set -e words[1]
        end
    end
    echo $command
    contains -- $command run record plan
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
complete -c tincan -n '__tincan_in run record plan' -a '(__tincan_program)'
complete -c tincan -n __tincan_first -a help -d 'Explain a command'
complete -c tincan -n __tincan_first -a version -d 'Print the version'
complete -c tincan -n __tincan_first -a seccomp -d 'Look at a system call filter, compile it, or ask it'
complete -c tincan -n '__tincan_in help' -a 'run record plan check seccomp initramfs init help version'
complete -c tincan -n __tincan_first -a run -d 'Run a command in a new container'
complete -c tincan -n __tincan_first -a record -d 'Run a command, and write the system call filter that it needs'
complete -c tincan -n '__tincan_in record' -s o -l output -rF -d 'Write a profile in Docker\'s format, which allows what was used and what any start needs'
complete -c tincan -n '__tincan_in record' -l minimal -d 'Only what was used'
complete -c tincan -n '__tincan_in record' -l args -d 'Allow only the arguments that were used, where they have few values'
complete -c tincan -n '__tincan_in record' -l merge -rF -d 'Add to what an earlier recording has in FILE'
complete -c tincan -n '__tincan_in record' -l diff -rF -d 'Say which calls the profile FILE does not allow, by which program'
complete -c tincan -n '__tincan_in record' -l report -d 'Say at the end which program made which calls'
complete -c tincan -n '__tincan_in record' -l files -d 'Say at the end which files were opened, executed, changed and connected to'
complete -c tincan -n '__tincan_in record' -l apparmor-out -rF -d 'Write an AppArmor profile for those files'
complete -c tincan -n __tincan_first -a plan -d 'Print every system call that run would make, in order, and make none'
complete -c tincan -n '__tincan_in plan' -l explain -d 'Say why each call is made'
complete -c tincan -n '__tincan_in plan' -l chapter -x -d 'Only the calls of the tutorial\'s step N, 7 to 16'
complete -c tincan -n '__tincan_in plan' -l json -d 'One JSON object for each call, in an array'
complete -c tincan -n '__tincan_in seccomp' -a show -d 'Print a filter'
complete -c tincan -n '__tincan_in seccomp_show' -F -a 'default setid tutorial none'
complete -c tincan -n '__tincan_in seccomp_show' -l caps -x -a 'ALL CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE' -d 'Capabilities held in the container, for a profile\'s includes and excludes'
complete -c tincan -n '__tincan_in seccomp_show' -l arch -x -a 'x86_64 x86 x32 arm64 arm riscv64' -d 'Architecture'
complete -c tincan -n '__tincan_in seccomp_show' -l seccomp-strict-ints -d 'Compare arguments that are ints in the kernel on 32 bits, as the kernel does'
complete -c tincan -n '__tincan_in seccomp' -a compile -d 'Write a filter as raw struct sock_filter, as bwrap --seccomp takes it'
complete -c tincan -n '__tincan_in seccomp_compile' -F -a 'default setid tutorial none'
complete -c tincan -n '__tincan_in seccomp_compile' -s o -l output -rF -d 'Where to write the filter'
complete -c tincan -n '__tincan_in seccomp_compile' -l caps -x -a 'ALL CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE' -d 'Capabilities held in the container, for a profile\'s includes and excludes'
complete -c tincan -n '__tincan_in seccomp_compile' -l arch -x -a 'x86_64 x86 x32 arm64 arm riscv64' -d 'Architecture'
complete -c tincan -n '__tincan_in seccomp_compile' -l seccomp-strict-ints -d 'Compare arguments that are ints in the kernel on 32 bits, as the kernel does'
complete -c tincan -n '__tincan_in seccomp' -a eval -d 'Print what a filter does with a call'
complete -c tincan -n '__tincan_in seccomp_eval' -F -a 'default setid tutorial none'
complete -c tincan -n '__tincan_in seccomp_eval' -l caps -x -a 'ALL CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE' -d 'Capabilities held in the container, for a profile\'s includes and excludes'
complete -c tincan -n '__tincan_in seccomp_eval' -l arch -x -a 'x86_64 x86 x32 arm64 arm riscv64' -d 'Architecture'
complete -c tincan -n '__tincan_in seccomp_eval' -l seccomp-strict-ints -d 'Compare arguments that are ints in the kernel on 32 bits, as the kernel does'
complete -c tincan -n __tincan_first -a check -d 'Say what this host supports, what is missing, and how to get it'
complete -c tincan -n __tincan_first -a initramfs -d 'Write an initramfs with tincan as its /init, and the files given'
complete -c tincan -n '__tincan_in initramfs' -s o -l output -rF -d 'The archive to write'
complete -c tincan -n '__tincan_in initramfs' -l add -rF -d 'A file, or a directory with everything in it, to be PATH in the machine'
complete -c tincan -n '__tincan_in initramfs' -l args-file -rF -d 'tincan\'s arguments in the machine, one per line'
complete -c tincan -n __tincan_first -a init -d 'Do the duties of a machine\'s PID 1'
complete -c tincan -n '__tincan_in init' -l no-container -d 'Run the command itself, without a container around it'
complete -c tincan -n '__tincan_in init' -l poweroff -x -a 'never always on-success' -d 'What to do at the end'
complete -c tincan -n '__tincan_in init' -l debug-exit -d 'Tell QEMU\'s isa-debug-exit device the status'
complete -c tincan -n '__tincan_in run record plan' -s m -l mount -x -a '(__fish_complete_directories (commandline -ct))' -d 'Root directory of the container'
complete -c tincan -n '__tincan_in run record plan' -s a -l add -rF -d 'Bind a file or directory of the host into the container'
complete -c tincan -n '__tincan_in run record plan' -l here -d 'The current directory at its own path, and the command starts in it'
complete -c tincan -n '__tincan_in run record plan' -l ro -d 'Make the root directory read-only, with everything mounted in it'
complete -c tincan -n '__tincan_in run record plan' -l ephemeral -d 'Let the root directory be written, or the host\'s own tree'
complete -c tincan -n '__tincan_in run record plan' -l tmpfs -x -a '(__fish_complete_directories (commandline -ct))' -d 'A private empty writable directory'
complete -c tincan -n '__tincan_in run record plan' -s c -l command -x -d 'The command as one line, split with shell quoting'
complete -c tincan -n '__tincan_in run record plan' -s e -l env -x -a '(set --names --export)' -d 'Set a variable, or copy the caller\'s'
complete -c tincan -n '__tincan_in run record plan' -l env-file -rF -d 'Variables from a file'
complete -c tincan -n '__tincan_in run record plan' -s w -l workdir -x -a '(__fish_complete_directories (commandline -ct))' -d 'Working directory inside'
complete -c tincan -n '__tincan_in run record plan' -l pass-fd -x -d 'Leave descriptor N open for the command'
complete -c tincan -n '__tincan_in run record plan' -l init -d 'Have a tiny PID 1 that reaps and passes signals on'
complete -c tincan -n '__tincan_in run record plan' -l no-init
complete -c tincan -n '__tincan_in run record plan' -l timeout -x -d 'End the container after this long, such as 30s'
complete -c tincan -n '__tincan_in run record plan' -l stats -rF -d 'Write a JSON report at the end'
complete -c tincan -n '__tincan_in run record plan' -l status-fd -x -d 'Write lines of JSON to descriptor N'
complete -c tincan -n '__tincan_in run record plan' -l hostname -x -d 'Hostname inside, and the name of the resource group'
complete -c tincan -n '__tincan_in run record plan' -l net -x -a 'none host' -d 'Network: none'
complete -c tincan -n '__tincan_in run record plan' -s u -l uid -x -d 'User inside'
complete -c tincan -n '__tincan_in run record plan' -l gid -x -d 'Group id inside'
complete -c tincan -n '__tincan_in run record plan' -l map -x -a 'auto' -d 'Which ids of the host the container\'s are'
complete -c tincan -n '__tincan_in run record plan' -l caps -x -a 'tutorial docker' -d 'The list of capabilities to start from'
complete -c tincan -n '__tincan_in run record plan' -l cap-add -x -a 'ALL CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE' -d 'Keep a capability, such as SYS_NICE, or ALL'
complete -c tincan -n '__tincan_in run record plan' -l cap-drop -x -a 'ALL CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE' -d 'Drop a capability, or ALL'
complete -c tincan -n '__tincan_in run record plan' -l seccomp -rF -a 'default setid tutorial none' -d 'System call filter'
complete -c tincan -n '__tincan_in run record plan' -l apparmor -x -d 'AppArmor profile, loaded beforehand, to enter with the command'
complete -c tincan -n '__tincan_in run record plan' -l seccomp-strict-ints -d 'Compare a profile\'s int-typed arguments on 32 bits, as the kernel does'
complete -c tincan -n '__tincan_in run record plan' -l seccomp-log -d 'Report at the end which calls the filter refused, how often, by which program'
complete -c tincan -n '__tincan_in run record plan' -l memory -x -a 'max' -d 'Memory of all processes together, such as 512M'
complete -c tincan -n '__tincan_in run record plan' -l swap -x -a 'max' -d 'Swap beside the memory, or max'
complete -c tincan -n '__tincan_in run record plan' -l pids -x -a 'max' -d 'Processes and threads, the init among them, or max'
complete -c tincan -n '__tincan_in run record plan' -l cpu-weight -x -d 'Share of the processors when they are short'
complete -c tincan -n '__tincan_in run record plan' -l cpus -x -a 'max' -d 'Processors at most, such as 1.5, or max'
complete -c tincan -n '__tincan_in run record plan' -l io-weight -x -d 'Share of the disks when they are short'
complete -c tincan -n '__tincan_in run record plan' -l no-cgroup -d 'No resource group at all'
complete -c tincan -n '__tincan_in run record plan' -l rlimit -x -a 'cpu= fsize= data= stack= core= rss= nproc= nofile= memlock= as= locks= sigpending= msgqueue= nice= rtprio= rttime=' -d 'Limit of setrlimit(2) for the command, such as nofile=4096'
complete -c tincan -n '__tincan_in run record plan' -l config -rF -d 'Flags of run from a file, one a line'
complete -c tincan -n '__tincan_in run record plan' -s q -l quiet -d 'Print no notes of tincan\'s own, errors only'
complete -c tincan -n '__tincan_in run record plan' -l step -d 'Make the calls one at a time at a key press, and show what each changes'
complete -c tincan -n '__tincan_in run record plan' -s d -l debug -d 'Log every system call of the plan as it is made'
complete -c tincan -n '__tincan_in run record plan seccomp_show seccomp_compile seccomp_eval check initramfs init' -s h -l help -d 'Show context-sensitive help'
complete -c tincan -n '__tincan_in run record plan seccomp_show seccomp_compile seccomp_eval check initramfs init' -l version -d 'Print the version'
