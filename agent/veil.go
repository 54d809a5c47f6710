package agent

// veiled is an error of the destination about records that the source sent: it
// may quote them, and one may hold a token of ours.
type veiled struct {
	error
	hide func(string) string
}

func veil(err error, hide func(string) string) error {
	if err == nil || hide == nil {
		return err
	}
	return veiled{error: err, hide: hide}
}

func (v veiled) Error() string { return v.hide(v.error.Error()) }

func (v veiled) Unwrap() error { return v.error }
