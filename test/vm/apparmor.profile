# What the tests inside the machine confine a container with: all is allowed but two
# files. The profile is compiled on the host and loaded in the machine.
profile tincan-guest flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  signal,
  ptrace,
  unix,
  deny /etc/mine r,
  deny /tmp/forbidden w,
}
