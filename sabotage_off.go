//go:build !sabotage

package main

import "syscall"

// sabotage and sabotaged are for the tests: sabotage.go.
func sabotage(plan) {}

func sabotaged(*step) syscall.Errno { return 0 }
