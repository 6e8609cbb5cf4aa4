"""Compares a folder of blobs with what its clients were told; shares no code with the server.

    blob_auditor.py ROOT < LEDGER

A ledger has lines `stored HASH`, `deleting HASH`, `deleted HASH`; others are passed over.
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path


def audit(root: Path, ledger: Iterable[str]) -> list[str]:
    """Return one complaint a line: what is lost, what is damaged, what lies where it does not belong."""
    stored, deleted = _outcome(ledger)
    there = {path.name: path for path in (root / "blobs").rglob("*") if not path.is_dir()}
    complaints = [f"{name} was acknowledged and is lost" for name in sorted(stored - there.keys())]
    complaints += [f"{name} was deleted and is there" for name in sorted(deleted & there.keys())]
    for name, path in sorted(there.items()):
        if path != root / "blobs" / name[:2] / name[2:4] / name:
            complaints.append(f"{path} is in the wrong place")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != name:
            complaints.append(f"{name} has other bytes than its name says")
    return complaints


def _outcome(ledger: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return the hashes that must be there and those that must not; one being deleted may be either."""
    stored: set[str] = set()
    deleted: set[str] = set()
    for line in ledger:
        match line.split():
            case ["stored", name]:
                stored.add(name)
                deleted.discard(name)
            case ["deleting", name]:
                stored.discard(name)
            case ["deleted", name]:
                deleted.add(name)
            case _:
                pass
    return stored, deleted


if __name__ == "__main__":
    found = audit(Path(sys.argv[1]), sys.stdin)
    sys.stdout.writelines(f"{complaint}\n" for complaint in found)
    sys.exit(1 if found else 0)
