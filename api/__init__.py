"""The REST API, over the same core as the phone."""
