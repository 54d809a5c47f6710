package main

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"resoagent/agent"
	"resoagent/internal/record"
)

// What a person cannot find out from the error itself, the line below it says;
// and it is silent where the error has said it.
func TestNextStep(t *testing.T) {
	t.Parallel()
	_, missing := os.Open("/no/such/file")
	for _, err := range []error{
		agent.ErrNoKeys, agent.ErrDisorder, agent.ErrStuck, agent.ErrIncomplete, agent.ErrRejects, agent.ErrRepairs, missing,
		fmt.Errorf("%w: %w", agent.ErrInUse, record.ErrLost),
	} {
		if nextStep(fmt.Errorf("do something: %w", err)) == "" {
			t.Errorf("%v: nothing to do next", err)
		}
	}
	for _, err := range []error{
		fmt.Errorf("%w: read it: %w; name another", errUsage, missing), agent.ErrConfig, agent.ErrInUse, errRejects, errors.New("other"),
	} {
		if next := nextStep(err); next != "" {
			t.Errorf("%v: %s", err, next)
		}
	}
}
