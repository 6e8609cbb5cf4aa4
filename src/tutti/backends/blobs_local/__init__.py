"""Blobs in a folder: what was acknowledged survives a crash and a power cut, what was not is never seen."""

from tutti.backends.blobs_local.store import LocalBlobs

__all__ = ["LocalBlobs"]
