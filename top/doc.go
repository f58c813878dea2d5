// Package top is a live view of the logs of a node in a terminal, and the same as text where
// there is no terminal: what the daemon as a whole does, and one row for each log, ordered and
// filtered as the operator asks.
//
// It shows what a Source answers. It knows nothing of sockets, files or how logs are managed,
// and takes every name and message that it is given for text of a stranger: nothing in one can
// act on the terminal.
package top
