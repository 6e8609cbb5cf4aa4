"""Locks between the processes of one server; they end with their holder, however it ends."""

from contextlib import AbstractContextManager
from typing import Protocol


class Locks(Protocol):
    """Named locks; safe to call from any thread."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock for the length of a `with` block.

        Args:
            name: Letters, digits, `-` and `_`.

        Raises:
            AppError: CONFLICT `already_running` when somebody holds it; UNAVAILABLE `lock_failed` where none
                can be had.
        """
        ...
