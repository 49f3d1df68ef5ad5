"""What customers order on a channel that proves nothing, until they confirm it."""
