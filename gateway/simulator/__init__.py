"""A feature phone in the browser, for a developer's own machine."""
