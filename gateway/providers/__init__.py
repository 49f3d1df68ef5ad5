"""A folder holds everything of one provider. `gateway/wiring.py` says which of them are in use."""
