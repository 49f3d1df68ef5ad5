"""Questions in a customer's own words, and what is answered."""
