package console

import (
	"bytes"
	"io"
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
// left corner, else behind an empty line.
func Frame(w io.Writer, text []byte, o Options) error {
	out := append(text, '\n')
	if o.Terminal {
		out = append([]byte(home), bytes.ReplaceAll(text, []byte("\n"), []byte(clearLine+"\n"))...)
		out = append(out, clearBelow...)
	}
	_, err := w.Write(out)
	return err
}
