package main

type stepper struct{}

func newStepper(l *launch) (*stepper, error) { return nil, nil }
func (s *stepper) begin(l *launch)           {}
func (s *stepper) host(i int) error          { return nil }
func (s *stepper) gate(i int) []step         { return nil }
