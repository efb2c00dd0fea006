package main

import "io"

type checkCmd struct{}

func (checkCmd) print(w io.Writer) int { return 0 }
