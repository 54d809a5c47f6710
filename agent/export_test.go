package agent

import "resoagent/internal/catalog"

// SetFewNew sets how many new listings are few, see fewNew.
func (c *Config) SetFewNew(n int) { c.anewFrom = n }

// SetCatalogue sets what can be synced.
func (c *Config) SetCatalogue(streams catalog.Catalogue) { c.catalogue = streams }
