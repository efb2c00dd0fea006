// Chapters 1 to 4: the command line of run and plan.
//
// getopt(3) is the model: -x VALUE, -xVALUE, several letters in one word, --name VALUE,
// --name=VALUE; flags end at -- or at the first word that is not one. Every value is bytes.
//
// One pass, which works before Go's runtime: what is wrong needs it, and so do --help and
// --config, so begin leaves those command lines to main.
//
// Differs from the tutorial: a flag given twice is an error, and so is an empty value.

package main

import (
	"fmt"
	"strings"
	"unsafe"
)

// flagReader reads words into flags.
type flagReader struct {
	f      *runFlags // in planFlags, if owner is ofPlan
	owner  flagOwner
	seen   uint64 // the rows of flagTable that were given
	inFile bool   // the words are a line of --config
}

// newFlagReader returns a reader with the default flags.
func newFlagReader(owner flagOwner) *flagReader {
	r := one[flagReader]()
	r.owner = owner
	if r.f = keep(defaultFlags()); owner == ofPlan {
		r.f = withPlans(r.f)
	}
	return r
}

// withPlans returns the flags with room for plan's own behind them.
//
//tincan:runtime
func withPlans(f *runFlags) *runFlags { return &(&planFlags{runFlags: *f}).runFlags }

// readFlags reads what stands behind run, or behind the command that the flags are of.
func readFlags(args []string, owner flagOwner) (*runFlags, error) {
	r := newFlagReader(owner)
	rest, err := r.words(args)
	if err == nil && r.f.Config != "" {
		before := args[:len(args)-len(rest)]
		err = fault(func() (err error) { rest, err = r.withFile(before, rest); return err })
	}
	if err != nil {
		return nil, err
	}
	r.f.Args = rest
	return r.f, nil
}

// words reads flags, and returns the words of the command. It stops behind --config.
func (r *flagReader) words(args []string) (rest []string, err error) {
	for len(args) > 0 {
		word := args[0]
		if word == "--" {
			return args[1:], nil
		}
		if len(word) < 2 || word[0] != '-' {
			return args, nil
		}
		before := r.f.Config
		if args, err = r.flag(word, args[1:]); err != nil {
			return nil, err
		}
		if r.f.Config != before {
			return args, nil
		}
	}
	return nil, nil
}

// flag reads the flags of one word, and returns the words behind it and its value.
func (r *flagReader) flag(word string, next []string) ([]string, error) {
	if word[1] == '-' {
		name, value, given := cut(word[2:], "=")
		row := rowNamed(name)
		if row < 0 || flagTable[row].owner != ofAll && flagTable[row].owner != r.owner {
			return nil, fault(func() error { return r.unknown(word, row) })
		}
		return r.value(row, text("--", name), value, given, next)
	}
	for i := 1; i < len(word); i++ {
		row := 0
		for row < len(flagTable) && flagTable[row].letter != word[i] {
			row++
		}
		if row == len(flagTable) {
			return nil, fault(func() error { return r.unknown("-"+word[i:i+1], -1) })
		}
		value := word[i+1:]
		if kind := flagTable[row].kind; kind == isSet || value == "" {
			next2, err := r.value(row, text("-", word[i:i+1]), "", false, next)
			if err != nil || value == "" {
				return next2, err
			}
			continue
		}
		if value[0] == '=' {
			return nil, fault(func() error {
				return fmt.Errorf("%s: a letter's value stands behind a blank or at once: -%s %s, or --%s%s", word, word[i:i+1], value[1:], flagTable[row].name, value)
			})
		}
		return r.value(row, text("-", word[i:i+1]), value, true, next)
	}
	return next, nil
}

// rowNamed returns the row of flagTable, or -1.
func rowNamed(name string) int {
	for row := range flagTable {
		if flagTable[row].name == name {
			return row
		}
	}
	return -1
}

// value finds the value of a flag and sets its field. It returns the words behind.
func (r *flagReader) value(row int, flag, value string, given bool, next []string) ([]string, error) {
	kind := flagTable[row].kind
	switch {
	case kind == isSet || kind == isUnset:
		if given && (value != "true" && value != "false" || kind == isUnset) {
			return nil, fault(func() error {
				return fmt.Errorf("%s=%s: this flag has no value: it stands alone, or is left out", flag, value)
			})
		}
		return next, r.set(row, flag, value)
	case kind == isOptional && !given:
		return next, r.set(row, flag, "")
	case !given && len(next) == 0:
		return nil, fault(func() error { return fmt.Errorf("%s: its value is missing: %s", flag, spelling(row)) })
	case !given && hasPrefix(next[0], "-") && next[0] != "-":
		return nil, fault(func() error {
			return fmt.Errorf("%s: its value is missing: %s (%s behind it is a flag; a value that begins with a dash is written --%s=%s)", flag, spelling(row), next[0], flagTable[row].name, next[0])
		})
	case !given:
		value, next = next[0], next[1:]
	}
	if value == "" {
		return nil, fault(func() error {
			return fmt.Errorf("%s: an empty value; give one (%s), or leave the flag out for what it is without", flag, spelling(row))
		})
	}
	return next, r.set(row, flag, value)
}

// set sets the field of a flag.
func (r *flagReader) set(row int, flag, value string) error {
	to := unsafe.Add(unsafe.Pointer(r.f), flagTable[row].field)
	kind := flagTable[row].kind
	if kind != isList && kind != isWords && kind != isNumbers {
		if err := r.first(row, flag, value); err != nil {
			return err
		}
	}
	if kind >= isNumber && kind != isOptional {
		return r.setNumber(row, flag, value, to)
	}
	switch kind {
	case isSet:
		*(*bool)(to) = value != "false"
	case isUnset:
		*(*bool)(to) = false
	case isText:
		*(*string)(to) = value
	case isGiven, isOptional:
		*(**string)(to) = keep(value)
	case isList:
		*(*[]string)(to) = add(*(*[]string)(to), value)
	default: // isWords
		for more := true; more; {
			var word string
			if word, value, more = cut(value, ","); word == "" {
				return fault(func() error { return fmt.Errorf("%s: an empty word between commas", flag) })
			}
			*(*[]string)(to) = add(*(*[]string)(to), word)
		}
	}
	return nil
}

// setNumber sets the field of a flag whose value is a number, or may be one.
func (r *flagReader) setNumber(row int, flag, value string, to unsafe.Pointer) error {
	n, valid := plainNumber(value)
	switch kind := flagTable[row].kind; {
	case kind == isUser && !valid:
		r.f.User = keep(value)
	case kind == isUser:
		r.f.User, r.f.UID = nil, n
	case !valid:
		return fault(func() error { return fmt.Errorf("%s=%s: not a whole number: %s", flag, value, spelling(row)) })
	case kind == isNumber:
		*(*int)(to) = n
	case kind == isGivenNumber:
		*(**int)(to) = keep(n)
	default: // isNumbers
		*(*[]int)(to) = add(*(*[]int)(to), n)
	}
	return nil
}

// first makes sure that a flag is given once, and not together with its contrary.
func (r *flagReader) first(row int, flag, value string) error {
	kind := flagTable[row].kind
	if r.seen>>row&1 != 0 && kind != isSet && kind != isUnset {
		return fault(func() error { return fmt.Errorf("%s %s: the flag is given twice: give it once", flag, value) })
	}
	for other := range flagTable {
		if o := &flagTable[other]; r.seen>>other&1 != 0 && other != row && o.field == flagTable[row].field && o.owner == flagTable[row].owner {
			return fault(func() error { return fmt.Errorf("%s: contradicts --%s: give one of them", flag, o.name) })
		}
	}
	r.seen |= 1 << row
	return nil
}

// plainNumber reads an unambiguous decimal number: no sign, no leading zero, and no more than
// an int holds.
func plainNumber(s string) (int, bool) {
	if s[0] == '0' && s != "0" || len(s) > 18 {
		return 0, false
	}
	n, valid := number(s)
	return int(n), valid
}

// helpWanted is the error for --help and --version among the flags.
type helpWanted struct{ flag string }

func (h *helpWanted) Error() string { return h.flag }

// unknown is the error for a word that is no flag. row is a flag's of another command, or -1.
func (r *flagReader) unknown(word string, row int) error {
	flag, _, _ := strings.Cut(word, "=")
	switch {
	case !r.inFile && (word == "--help" || word == "-h" || word == "--version"):
		return &helpWanted{word}
	case row >= 0:
		return fmt.Errorf("%s: a flag of tincan plan only: tincan plan %s", flag, flag)
	}
	return unknownFlag(flag)
}
