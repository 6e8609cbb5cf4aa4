"""What a client can show for itself; a door extracts one of these, and the accounts decide who it is."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An access token of ours, as it stood in the request."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """The signed ticket of a stream address, for players that cannot send a header."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Password:
    """A login; the password is compared exactly, never trimmed and never cut."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token: good for a new access token, never for access."""

    text: str = field(repr=False)


Credentials = BearerToken | Ticket | Password | Refresh
"""Closed: whoever matches on it ends with `assert_never`."""
