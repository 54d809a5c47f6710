package agent

import "resoagent/internal/catalog"

// SetCatalogue has an agent know other streams than the catalogue's.
func (c *Config) SetCatalogue(streams catalog.Catalogue) { c.catalogue = streams }
