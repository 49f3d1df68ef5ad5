"""What staff switch off and on while the service runs, and the banner above the first menu."""
