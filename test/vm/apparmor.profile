# The profile for the tests inside the machine: it allows everything except two files. It is
# compiled on the host and loaded in the machine.
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
