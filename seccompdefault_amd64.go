package main

import _ "embed"

//go:embed filters/default-amd64.bpf
var compiledFilter string
