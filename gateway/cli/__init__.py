"""The `jasho` command."""
