// Package misuse marks the errors that a person has to correct: in the command line, the configuration, a file or the
// privileges. Such an error returns however often the program is started.
package misuse

import "fmt"

// An Error is an error that a person has to correct.
type Error struct{ error }

// Errorf returns an Error, formatted as by fmt.Errorf.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Unwrap returns the cause.
func (e Error) Unwrap() error { return e.error }
