"""What a crash, a cut line or a full queue may cost: time, never money."""
