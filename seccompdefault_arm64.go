package main

import _ "embed"

//go:embed filters/default-arm64.bpf
var compiledFilter string
