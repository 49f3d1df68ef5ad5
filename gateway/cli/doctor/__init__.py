"""`jasho doctor`: what is configured, what answers, and what is weak. A check is a function, and none waits for long."""
