"""Data folders for commands."""

from support.server import data_dir, template

__all__ = ["data_dir", "template"]  # fixtures
