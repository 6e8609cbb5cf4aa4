"""The command line: parses, calls the wiring, prints."""

from tutti.cli.app import main

__all__ = ["main"]
