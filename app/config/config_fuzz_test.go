package config

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzConfig sets each variable to anything. Either the value is good, and is printed as one that means the same, or
// the error is one line that names the variable and the value, without blanks around it and without a comment after
// it.
func FuzzConfig(f *testing.F) {
	all := variableNames()
	for i, v := range (&Config{}).variables() {
		for _, value := range []string{
			v.standard, v.example, v.standard + "," + v.example, v.example + "0", "-" + v.example, "", "0", " 0",
			v.example + " # why", `"` + v.example + `" # why`, "'" + v.example, "none", "\f#", "None 0", "AUTO", ".None",
		} {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		if strings.ContainsRune(value, 0) {
			return // no environment has that
		}
		name := all[int(which)%len(all)]
		setEnvironment(t, name+"="+value)
		c, err := Load()
		if err != nil {
			text := err.Error()
			begin := fmt.Sprintf("%s=%q: ", name, bareValue(value))
			if name == password {
				begin = name + ": "
			}
			if !strings.HasPrefix(text, begin) || !strings.Contains(text, "; for example "+name+"=") ||
				strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%s=%q: error %q", name, value, text)
			}
			return
		}
		var printed string
		for _, v := range c.variables() {
			if v.name == name {
				printed = v.value
			} else if v.value != v.standard {
				t.Errorf("%s=%q makes %s %q", name, value, v.name, v.value)
			}
		}
		setEnvironment(t, name+"="+printed)
		again, err := Load()
		if err != nil {
			t.Fatalf("%s=%q is printed as %q: %v", name, value, printed, err)
		}
		for i, v := range again.variables() {
			if was := c.variables()[i]; v != was {
				t.Errorf("%s=%q is printed as %q, which is %q", name, value, was.value, v.value)
			}
		}
	})
}
