"""Passwords: argon2id, slow by intent, so bounded before it starts (reliability.md finding 9, P39).

Hashes of the programs that Tutti replaces are read too, bcrypt and bare SHA-256; none is ever made.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, TypeVar

from tutti.domain.accounts import PASSWORD_MAX
from tutti.domain.errors import AppError, ErrorKind
from tutti.ports.identity import Verdict

if TYPE_CHECKING:
    from argon2 import PasswordHasher as Argon2

_SALT_BYTES = 16
_HASH_BYTES = 32
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}")
"""Costs up to 14, a second or two: a database that was brought along must not be able to hold the pool for hours."""
_BCRYPT_MAX_BYTES = 72
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one hash costs; the default is the OWASP profile, 23 ms and 19 MiB where the library's own takes 133 ms."""

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


class Argon2Passwords:
    """Implements `PasswordHasher`: a pool of one or two threads and a queue that may be full.

    A password is compared exactly as its UTF-8 bytes: no normalising, trimming or cutting; NUL is a character like
    any other.
    """

    def __init__(self, cost: Argon2Cost | None = None, *, threads: int = 1, queued: int = 32) -> None:
        self._cost = cost or Argon2Cost()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._places = BoundedSemaphore(threads + queued)

    def hash(self, password: str) -> str:
        """Return the hash to store, in PHC form.

        Raises:
            AppError: INVALID `password_too_long` or `password_not_text`; BUSY `password_queue_full`.
        """
        secret = _secret(password)
        return self._run(lambda: self._argon2.hash(secret))

    def verify(self, password: str, hashed: str | None) -> Verdict:
        """Compare a password with a stored hash, or with one that nothing matches.

        Raises:
            AppError: As `hash`.
        """
        secret = _secret(password)
        return self._run(lambda: self._verdict(secret, hashed))

    def close(self) -> None:
        """Finish what is queued and end the threads; the hasher is not used after this."""
        self._pool.shutdown()

    def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise AppError(ErrorKind.BUSY, "password_queue_full", "Too many people are logging in; try again shortly.")
        try:
            return self._pool.submit(work).result()
        finally:
            self._places.release()

    @cached_property
    def _argon2(self) -> "Argon2":
        from argon2 import PasswordHasher  # noqa: PLC0415 - 50 ms that a start need not wait for

        return PasswordHasher(
            self._cost.passes, self._cost.memory_kib, self._cost.lanes, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES
        )

    @cached_property
    def _unmatchable(self) -> str:
        """A well-formed hash that nobody computed: checking against it costs what a real one costs."""
        salt, digest = (
            b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _HASH_BYTES)
        )
        cost = f"m={self._cost.memory_kib},t={self._cost.passes},p={self._cost.lanes}"
        return f"$argon2id$v=19${cost}${salt}${digest}"

    def _verdict(self, secret: bytes, hashed: str | None) -> Verdict:
        """Compare by the kind of the hash; whatever the kind and the verdict, that is one slow computation."""
        if hashed is not None and _BCRYPT.fullmatch(hashed):
            return _imported(is_right=_matches_bcrypt(secret, hashed))
        if hashed is not None and _SHA256.fullmatch(hashed):
            self._argon2_verdict(secret, None)
            digest = hashlib.sha256(secret).hexdigest()
            return _imported(is_right=hmac.compare_digest(digest, hashed.lower()))
        return self._argon2_verdict(secret, hashed)

    def _argon2_verdict(self, secret: bytes, hashed: str | None) -> Verdict:
        from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError  # noqa: PLC0415

        try:
            self._argon2.verify(self._unmatchable if hashed is None else hashed, secret)
        except VerifyMismatchError:
            return Verdict.WRONG
        except (InvalidHashError, VerificationError, UnicodeEncodeError):
            if hashed is None:  # out of memory, which says nothing about the password
                raise
            return self._argon2_verdict(secret, None)
        if hashed is None:
            return Verdict.WRONG
        return Verdict.RIGHT_BUT_OUTDATED if self._argon2.check_needs_rehash(hashed) else Verdict.RIGHT


def _matches_bcrypt(secret: bytes, hashed: str) -> bool:
    """Compare with bcrypt, which sees no more than 72 bytes and in some programs none behind a NUL.

    Such passwords are compared, for their time, and never right: a beginning would do, for anybody. Whoever has one
    gets a new password from an administrator.
    """
    import bcrypt  # noqa: PLC0415 - only accounts that were brought along need it

    is_right = bcrypt.checkpw(secret[:_BCRYPT_MAX_BYTES], hashed.encode())
    return is_right and len(secret) <= _BCRYPT_MAX_BYTES and b"\0" not in secret


def _imported(*, is_right: bool) -> Verdict:
    return Verdict.RIGHT_BUT_OUTDATED if is_right else Verdict.WRONG


def _secret(password: str) -> bytes:
    if len(password) > PASSWORD_MAX:
        message = f"A password has at most {PASSWORD_MAX} characters."
        raise AppError(ErrorKind.INVALID, "password_too_long", message)
    try:
        return password.encode()
    except UnicodeEncodeError as error:
        raise AppError(ErrorKind.INVALID, "password_not_text", "The password is not valid text.") from error
