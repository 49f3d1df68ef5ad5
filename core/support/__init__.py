"""Support: answers to questions in a customer's own words."""
