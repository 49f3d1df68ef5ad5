"""The telco's side of the house, and the front door: phone channels, the web application, the worker, the command line."""
