"""What is kept for how long, and the duty that deletes the rest."""
