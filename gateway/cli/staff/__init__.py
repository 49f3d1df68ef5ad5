"""What staff do from the command line."""
