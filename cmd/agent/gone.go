package main

import "strings"

// gone says of a setting that older versions had why it is gone and what to do; ""
// of any other name. The name may be written as a flag or as a variable.
func gone(name string) string {
	switch strings.ReplaceAll(strings.ToLower(name), "_", "-") {
	case "trust-synclog":
		return "trust-synclog is no setting any more: a copy that began at an old service's SyncLog lacked the photos of older " +
			"listings. Take it out; nothing stands in its place: the first sync of a stream fetches all of it"
	}
	return ""
}
