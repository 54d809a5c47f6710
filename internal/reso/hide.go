package reso

// Hide takes the tokens out of a text that others have put together from what the
// source said.
func (c *Client) Hide(text string) string { return c.secret().hide(text) }
