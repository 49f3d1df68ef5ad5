"""The money and the rules. Nothing in here knows of HTTP, Redis, menus or vendors."""

# The one place that says it: pyproject.toml reads it here, and `jasho --version` prints it.
__version__ = "0.1.0"
