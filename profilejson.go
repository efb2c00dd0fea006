// Chapter 13: strict reading of JSON, for profiles. An unknown or repeated field, a number that
// does not fit, or a string that is not allowed in its place is an error that names the place:
// `syscalls[12].args[0].op: "SCMP_CMP_EQUAL": not one of ...`.
//
// Decoding into structs with encoding/json would be shorter, but it silently takes the last of
// two equal fields, ignores the case of names, and cannot say in which element of a list a value
// is.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// jsonValue is a value and its place.
type jsonValue struct {
	in     *jsonValue
	key    string // the name of the field, in an object
	index  int    // the position, in a list
	v      any    // string, json.Number, bool, nil, []*jsonValue, or jsonObject
	listed bool
}

// jsonObject is a JSON object: its values, in the order of the file.
type jsonObject []*jsonValue

// place returns the value's place in the file, for instance syscalls[1].args[0].
func (v *jsonValue) place() string {
	switch {
	case v.in == nil:
		return ""
	case v.listed:
		return fmt.Sprintf("%s[%d]", v.in.place(), v.index)
	case v.in.in == nil:
		return v.key
	}
	return v.in.place() + "." + v.key
}

// wrong returns an error that names the value's place.
func (v *jsonValue) wrong(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if at := v.place(); at != "" {
		return errors.New(at + ": " + text)
	}
	return errors.New(text)
}

// text returns the value as an error quotes it.
func (v *jsonValue) text() string {
	switch w := v.v.(type) {
	case string:
		return strconv.Quote(w)
	case json.Number:
		return w.String()
	case jsonObject:
		return "an object"
	case []*jsonValue:
		return "a list"
	}
	return fmt.Sprint(v.v)
}

// parseJSON parses a file. Unlike encoding/json, it keeps the place of each value, and refuses
// an object with the same key twice.
func parseJSON(data []byte) (*jsonValue, error) {
	var all json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at := min(int(syntax.Offset), len(data))
			return nil, fmt.Errorf("line %d: not valid JSON, the format of the profiles of Docker and the OCI: %w", 1+bytes.Count(data[:at], []byte("\n")), err)
		}
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	root := &jsonValue{}
	return root, root.read(d)
}

func (v *jsonValue) read(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		list := []*jsonValue{}
		for d.More() {
			e := &jsonValue{in: v, index: len(list), listed: true}
			if err := e.read(d); err != nil {
				return err
			}
			list = append(list, e)
		}
		v.v = list
		_, err = d.Token()
	case json.Delim('{'):
		object := jsonObject{}
		seen := map[string]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string)
			e := &jsonValue{in: v, key: name}
			if seen[name] {
				return e.wrong("given twice")
			}
			seen[name] = true
			if err := e.read(d); err != nil {
				return err
			}
			object = append(object, e)
		}
		v.v = object
		_, err = d.Token()
	default:
		v.v = token
	}
	return err
}

func (o jsonObject) get(name string) *jsonValue {
	for _, v := range o {
		if v.key == name {
			return v
		}
	}
	return nil
}

// given returns a field that exists and is not null, or nil.
func (o jsonObject) given(name string) *jsonValue {
	if v := o.get(name); v != nil && v.v != nil {
		return v
	}
	return nil
}

// object returns the value as an object that has no fields but these. null counts as an empty
// object.
func (v *jsonValue) object(fields ...string) (jsonObject, error) {
	if v.v == nil {
		return nil, nil
	}
	o, ok := v.v.(jsonObject)
	if !ok {
		return nil, v.wrong("%s: must be an object", v.text())
	}
	for _, f := range o {
		if !slices.Contains(fields, f.key) {
			return nil, f.wrong("unknown field; the fields are %s", strings.Join(fields, ", "))
		}
	}
	return o, nil
}

// list returns the value as a list. null, or a missing value, counts as an empty list.
func (v *jsonValue) list() ([]*jsonValue, error) {
	if v == nil || v.v == nil {
		return nil, nil
	}
	l, ok := v.v.([]*jsonValue)
	if !ok {
		return nil, v.wrong("%s: must be a list", v.text())
	}
	return l, nil
}

// string returns the value, which must be a string.
func (v *jsonValue) string() (string, error) {
	s, ok := v.v.(string)
	if !ok {
		return "", v.wrong("%s: must be a string", v.text())
	}
	return s, nil
}

// strings returns the value, which must be a list of strings.
func (v *jsonValue) strings() ([]string, error) {
	list, err := v.list()
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, err := e.string()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// number returns the value as an unsigned integer of at most most.
func (v *jsonValue) number(most uint64) (uint64, error) {
	n, ok := v.v.(json.Number)
	if !ok {
		return 0, v.wrong("%s: must be a number", v.text())
	}
	u, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil || u > most {
		return 0, v.wrong("%s: must be a whole number from 0 to %d", n, most)
	}
	return u, nil
}
