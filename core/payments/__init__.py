"""Money in from another operator's network, and out to it."""
