"""How menus work, whatever they say: their language, the state machine, sessions, and the screen on a phone."""
