"""Reads folders into the catalog: walk, compare, read what changed, store in batches, follow what vanished."""

from tutti.services.scanning.scanner import Scanner

__all__ = ["Scanner"]
