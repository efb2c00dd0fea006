package main

import _ "embed"

//go:embed filters/default-riscv64.bpf
var compiledFilter string
