package config

import (
	"errors"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// RotationSettings returns the names of the settings of a rotation, in the
// order of the manual.
func RotationSettings() []string { return keysOf(reflect.TypeFor[Rotation]()) }

// ParseRotationSetting reads one setting of a rotation that stands alone, as a
// pod's annotation does, by the rules of the file. The error says what is
// wrong, without the setting's name.
func ParseRotationSetting(name, text string) (RotationOverride, error) {
	var o RotationOverride
	for field, value := range reflect.ValueOf(&o).Elem().Fields() {
		if keyOf(field) != name {
			continue
		}
		value.Set(reflect.New(value.Type().Elem()))
		if err := setScalar(&yaml.Node{Kind: yaml.ScalarNode, Value: text}, value.Elem()); err != nil {
			return RotationOverride{}, err
		}
		var found faults
		checkOverride(found.add, "", o)
		if len(found) > 0 {
			return RotationOverride{}, errors.New(found[0].writtenAs(text).Message)
		}
		return o, nil
	}
	return RotationOverride{}, errors.New(unknownSetting(name, reflect.TypeFor[Rotation]()))
}

// Over returns r with what the override sets in place of its own.
func (o RotationOverride) Over(r Rotation) Rotation {
	take(o.MaxSize, &r.MaxSize)
	take(o.MaxFiles, &r.MaxFiles)
	take(o.MaxFilesUnread, &r.MaxFilesUnread)
	take(o.MaxAge, &r.MaxAge)
	take(o.DeleteAfter, &r.DeleteAfter)
	take(o.MaxTotalSize, &r.MaxTotalSize)
	take(o.Compression, &r.Compression)
	take(o.CompressAfter, &r.CompressAfter)
	take(o.KeepAfterRemoval, &r.KeepAfterRemoval)
	return r
}

func take[T any](from, to *T) {
	if from != nil {
		*to = *from
	}
}

// Sets tells whether the override sets the setting of this name.
func (o RotationOverride) Sets(name string) bool {
	for field, value := range reflect.ValueOf(o).Fields() {
		if keyOf(field) == name {
			return !value.IsNil()
		}
	}
	return false
}

// override is r as an override that sets everything.
func (r Rotation) override() RotationOverride {
	return RotationOverride{
		MaxSize: &r.MaxSize, MaxFiles: &r.MaxFiles, MaxFilesUnread: &r.MaxFilesUnread, MaxAge: &r.MaxAge,
		DeleteAfter: &r.DeleteAfter, MaxTotalSize: &r.MaxTotalSize, Compression: &r.Compression,
		CompressAfter: &r.CompressAfter, KeepAfterRemoval: &r.KeepAfterRemoval,
	}
}

// Text returns the value of the setting of this name for people: as a file has
// it, or off, with the reason where that is another setting.
func (r Rotation) Text(name string) string {
	for field, value := range reflect.ValueOf(r).Fields() {
		if keyOf(field) == name {
			if name == "maxFilesUnread" && r.off(name) && r.MaxFilesUnread > 0 {
				return fmt.Sprintf("off (%d is not above maxFiles)", r.MaxFilesUnread)
			}
			if r.off(name) {
				return "off"
			}
			return fmt.Sprint(value.Interface())
		}
	}
	return ""
}

func (r Rotation) off(name string) bool {
	switch name {
	case "maxSize":
		return r.MaxSize < 0
	case "maxFilesUnread":
		return r.MaxFilesUnread <= r.MaxFiles
	case "maxAge":
		return r.MaxAge == 0
	case "deleteAfter":
		return r.DeleteAfter == 0
	case "maxTotalSize":
		return r.MaxTotalSize == 0
	case "keepAfterRemoval":
		return r.KeepAfterRemoval == 0
	}
	return false
}
