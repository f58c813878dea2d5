// Package edit changes one setting in the text of a file and leaves every other byte as it
// is: a top-level key of a YAML or JSON file, or a flag in whatever holds a command line. It
// knows texts only, and nothing of files.
package edit
