"""The command line ``hdmea``."""

from hdmea.cli.commands import app, main

__all__ = ["app", "main"]
