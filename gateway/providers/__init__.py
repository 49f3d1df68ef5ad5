"""Everything of one provider in one folder. `gateway/wiring.py` says which of them are there."""
