// Package disk asks the operating system about directories, without changing
// anything.
package disk
