"""The money and the rules. Nothing in here knows of HTTP, Redis, menus or vendors."""
