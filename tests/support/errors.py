"""What an expected failure says."""

from collections.abc import Callable

import pytest

from tutti.domain.errors import AppError, ErrorKind


def failure(act: Callable[[], object]) -> AppError:
    """Return the failure that this must be."""
    with pytest.raises(AppError) as caught:
        act()
    return caught.value


def raised(act: Callable[[], object]) -> tuple[ErrorKind, str]:
    """Return the kind and the code of the failure that this must be."""
    error = failure(act)
    return error.kind, error.code
