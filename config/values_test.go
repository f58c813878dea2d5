package config_test

import (
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
)

type textValue interface {
	MarshalText() ([]byte, error)
	UnmarshalText(text []byte) error
}

// size, floor and mode return a value to read into, with the pointer's methods.
func size() textValue  { return new(wrappedSize) }
func floor() textValue { return new(wrappedFloor) }
func mode() textValue  { return new(wrappedMode) }

type (
	wrappedSize  struct{ config.Size }
	wrappedFloor struct{ config.Floor }
	wrappedMode  struct{ config.FileMode }
)

// TestValuesAreWrittenShortest holds what a value looks like when it is
// printed, and that what is printed reads as the same again.
func TestValuesAreWrittenShortest(t *testing.T) {
	for _, test := range []struct {
		value      func() textValue
		text, want string
	}{
		{size, "", ""},
		{size, "0", ""},
		{size, "10485760", "10Mi"},
		{size, "1024Ki", "1Mi"},
		{size, "1k", "1k"},
		{size, "-1", "-1"},
		{size, "1.5Gi", "1536Mi"},
		{floor, "", ""},
		{floor, "0", ""},
		{floor, "12%", "12%"},
		{floor, "012.50%", "12.5%"},
		{floor, "5Gi", "5Gi"},
		{floor, "100000", "100000"},
		{mode, "", ""},
		{mode, "640", "0640"},
		{mode, "0600", "0600"},
	} {
		read := func(text string) string {
			value := test.value()
			if err := value.UnmarshalText([]byte(text)); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			out, err := value.MarshalText()
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			return string(out)
		}
		once := read(test.text)
		if once != test.want {
			t.Errorf("%q is written %q, want %q", test.text, once, test.want)
		}
		if again := read(once); again != once {
			t.Errorf("%q is written %q the second time", once, again)
		}
	}
}
