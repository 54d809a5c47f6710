// Package disk asks the operating system about directories, without changing
// anything.
package disk

import "errors"

// errUnsupported: this operating system is not asked.
var errUnsupported = errors.New("not known on this operating system")
