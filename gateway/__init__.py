"""The outside of the service: phone channels, the web application, the worker, the command line."""
