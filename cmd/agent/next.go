package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"resoagent/agent"
	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// nextStep is what to do about an error that does not say so itself; "" if it
// does. Nobody but the command line knows what the person can type.
func nextStep(err error) string {
	for _, x := range []struct {
		is   error
		text string
	}{
		{agent.ErrNoKeys, fmt.Sprintf("run 'agent sync %s' first: %s belong to listings", listingFlags(), belongings())},
		{agent.ErrDisorder, "nothing was skipped; run again, and tell the provider if it goes on"},
		{agent.ErrStuck, "nothing was skipped; tell the provider, with the place that is named here"},
		{agent.ErrIncomplete, "run again later; what was stored is kept"},
		{agent.ErrRepairs, "the source does not answer in UTF-8 at present, or its text is damaged: what is stored has been left as it was; run again when it is mended"},
		{agent.ErrRejects, "'agent rejects' lists them; when the reason is gone, run again to go on"},
		{record.ErrRewound, "run again: it goes on from what the database has by now, and fetches the rest again"},
		{record.ErrLost, "see to it that one agent alone writes into this destination, and run again"},
	} {
		if errors.Is(err, x.is) {
			return x.text
		}
	}
	if errors.Is(err, errUsage) || errors.Is(err, agent.ErrConfig) || errors.Is(err, agent.ErrInUse) {
		return ""
	}
	var network *net.OpError
	var file *fs.PathError
	switch {
	case errors.As(err, &network) && network.Op == "listen":
		return "name another address with --listen, such as 127.0.0.1:0 for any free port"
	case errors.As(err, &network):
		return "check its address (--source-url, --database-url) and the way there; what was stored is kept: run again to go on"
	case errors.Is(err, checkpoint.ErrNoSpace): // said
	case errors.As(err, &file) && errors.Is(file, syscall.ENOSPC):
		return "the disk is full: make room on the disk of " + file.Path
	case errors.As(err, &file):
		return "see to this file or directory and who may use it, or name another one (--state-dir, --database-url)"
	}
	return ""
}
