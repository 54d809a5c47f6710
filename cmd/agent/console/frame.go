package console

import (
	"bytes"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/text"
)

// What a terminal is told between two frames. Each line is cleared behind its
// end, and the screen behind the last one: clearing the whole screen first would
// flicker.
const (
	home       = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// Frame shows a text in the place of the one before: on a terminal from the upper
// left corner, as much as there is room for, else behind an empty line.
func Frame(w io.Writer, frame []byte, o Options) error {
	if !o.Terminal {
		_, err := w.Write(append(frame, '\n'))
		return err
	}
	lines := bytes.Split(bytes.TrimRight(frame, "\n"), []byte("\n"))
	// The last row stays free: a line break there would scroll.
	if most := o.Height - 1; o.Height > 2 && len(lines) > most {
		more := len(lines) - most + 1
		lines = append(lines[:most-1:most-1], fmt.Appendf(nil, "... %d lines more; make the window higher", more))
	}
	out := []byte(home)
	for _, line := range lines {
		// A line that is wrapped would move what stands below it.
		out = append(append(out, text.Trim(string(line), max(20, o.Width))...), clearLine+"\n"...)
	}
	_, err := w.Write(append(out, clearBelow...))
	return err
}
