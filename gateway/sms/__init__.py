"""SMS: how notices leave the outbox."""
