//go:build !sabotage

package main

import "syscall"

// sabotage and sabotaged are for the tests: sabotage.go.
func sabotage(plan) {}

// sabotaged returns the errno with which a test makes a step fail. This build has no such
// tests.
func sabotaged(*step) syscall.Errno { return 0 }
