package agent

// SetFewNew sets how many new listings are few, see fewNew.
func (c *Config) SetFewNew(n int) { c.anewFrom = n }
