package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Size is a number of bytes, written as a Kubernetes quantity (10Mi, 1.5G,
// 4096). Zero is written as the empty string.
type Size int64

// UnmarshalText reads a Kubernetes quantity that is a whole number of bytes
// below 8Ei.
func (s *Size) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = 0
		return nil
	}
	n, err := parseQuantity(string(text), " of bytes")
	if err != nil {
		return err
	}
	*s = Size(n)
	return nil
}

// MarshalText writes the shortest exact quantity.
func (s Size) MarshalText() ([]byte, error) {
	if s == 0 {
		return []byte{}, nil
	}
	return []byte(s.String()), nil
}

// String returns the shortest exact quantity with a binary suffix.
func (s Size) String() string {
	return resource.NewQuantity(int64(s), resource.BinarySI).String()
}

// Floor is an amount that must stay free: a share of the whole or a number.
// The zero value is off and is written as the empty string.
type Floor struct {
	// Percent is above 0 and below 100 where the floor is a share, else 0.
	Percent float64
	// Amount is a number of bytes or inodes where Percent is 0.
	Amount int64
}

// UnmarshalText reads a percentage (12%, 7.5%) or a quantity that is a whole
// number and not negative.
func (f *Floor) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		*f = Floor{}
		return nil
	}
	if share, isPercent := strings.CutSuffix(s, "%"); isPercent {
		return f.setPercent(share)
	}
	n, err := parseQuantity(s, "")
	if err != nil {
		return fmt.Errorf("%w, or a percentage such as 12%%", err)
	}
	if n < 0 {
		return fmt.Errorf(`must not be negative, is %s (off is "")`, s)
	}
	*f = Floor{Amount: n}
	return nil
}

func (f *Floor) setPercent(share string) error {
	// ParseFloat alone would take 1e1, 0x1p3 and inf as well.
	if strings.Trim(share, "0123456789.") != "" {
		return fmt.Errorf("must be a percentage such as 12%%, is %q", share+"%")
	}
	p, err := strconv.ParseFloat(share, 64)
	if err != nil {
		return fmt.Errorf("must be a percentage such as 12%%, is %q", share+"%")
	}
	if p <= 0 || p >= 100 {
		return fmt.Errorf(`must be above 0%% and below 100%%, is %s%% (off is "")`, share)
	}
	*f = Floor{Percent: p}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (f Floor) MarshalText() ([]byte, error) {
	switch {
	case f.Percent != 0:
		return []byte(strconv.FormatFloat(f.Percent, 'f', -1, 64) + "%"), nil
	case f.Amount != 0:
		return []byte(Size(f.Amount).String()), nil
	}
	return []byte{}, nil
}

// FileMode is the permission bits of a file, written in octal (0640). Zero
// leaves a file as it is and is written as the empty string.
type FileMode uint32

// UnmarshalText reads three or four octal digits.
func (m *FileMode) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		*m = 0
		return nil
	}
	bits, err := strconv.ParseUint(s, 8, 32)
	if err != nil || len(s) < 3 || len(s) > 4 || bits == 0 {
		return fmt.Errorf(`must be permission bits in octal such as "0640", or empty, is %q`, s)
	}
	*m = FileMode(bits)
	return nil
}

// MarshalText writes four octal digits.
func (m FileMode) MarshalText() ([]byte, error) {
	if m == 0 {
		return []byte{}, nil
	}
	return []byte(m.String()), nil
}

// String returns four octal digits.
func (m FileMode) String() string {
	return fmt.Sprintf("%04o", uint32(m))
}

// maxQuantityText is longer than any quantity that fits into an int64.
const maxQuantityText = 64

// parseQuantity reads a Kubernetes quantity that is a whole number; of says of what.
// resource.ParseQuantity rounds to nano units and cuts off at the largest
// int64 without a word, so that both are looked for here.
func parseQuantity(s, of string) (int64, error) {
	// An exponent such as 1e999999999 would be computed, for minutes.
	_, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if len(s) > maxQuantityText || len(strings.TrimLeft(exponent, "+-")) > 2 {
		return 0, fmt.Errorf("must be a quantity such as 10Mi, is %.64q", s)
	}
	q, err := resource.ParseQuantity(s)
	if err != nil {
		return 0, fmt.Errorf("must be a quantity such as 10Mi, is %q", s)
	}
	limit := resource.NewQuantity(math.MaxInt64, resource.DecimalSI)
	size := q.DeepCopy()
	if size.Sign() < 0 {
		size.Neg()
	}
	if size.Cmp(*limit) >= 0 {
		return 0, fmt.Errorf("must be below 8Ei, is %s", s)
	}
	n := q.Value()
	if resource.NewQuantity(n, resource.DecimalSI).Cmp(q) != 0 {
		return 0, fmt.Errorf("must be a whole number%s, is %s%s", of, s, fractionHint(s))
	}
	return n, nil
}

// fractionHint helps who wrote m for mega: in quantities it means milli.
func fractionHint(s string) string {
	if strings.HasSuffix(s, "m") {
		return " (m is milli; M and Mi are mega)"
	}
	return ""
}
