"""The secrets of one server: made at first start, kept in one folder, never in the database (reliability.md P41).

The files are read with the standard library alone: importing cryptography costs a start 110 ms, and only making a
key needs it.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import stat
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from tutti.domain.errors import AppError, ErrorKind

_MASTER = "master.key"
_FIRST = "signing-1.pem"
_SIGNING = re.compile(r"signing-([1-9][0-9]{0,8})\.pem")
_MASTER_TEXT = re.compile(rb"[0-9a-f]{64}\n?")
_PEM = re.compile(rb"-----BEGIN RSA PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END RSA PRIVATE KEY-----\s*")
_FILE_MAX_BYTES = 64 * 1024
_RSA_BITS = 2048
_DISTINCT_BYTES_MIN = 8  # 32 random bytes have fewer once in 10^40 draws; a constant somebody typed has one.
_SEQUENCE, _INTEGER = 0x30, 0x02


class Purpose(StrEnum):
    """What a key derived from the master secret is good for; one purpose, one key."""

    TICKETS = "tutti/tickets/1"
    REFRESH_SUCCESSORS = "tutti/refresh-successors/1"
    AUDIT = "tutti/audit/1"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key pair.

    Attributes:
        kid: Its RFC 7638 thumbprint.
        pem: The private key, PKCS#1.
        modulus, exponent: The public key, big-endian without leading zeros, base64url: `n` and `e` of a JWK.
    """

    kid: str
    pem: bytes = field(repr=False)
    modulus: str = field(repr=False)
    exponent: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of this server.

    Attributes:
        signing: In the order of their numbers, at least one: the last one signs, all verify.
    """

    signing: tuple[SigningKey, ...]
    _master: bytes = field(repr=False)

    def derive(self, purpose: Purpose) -> bytes:
        """Return the 32-byte key for one purpose: HKDF-SHA256 of the master secret (RFC 5869)."""
        extracted = hmac.digest(bytes(32), self._master, "sha256")
        return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")


def load_or_create_keys(folder: Path) -> KeyRing:
    """Return the keys in a folder; make folder and keys when it is missing or empty.

    Keys become visible all at once, by renaming the folder that holds them, so that a crash leaves none and two
    processes at first start end with the same.

    Raises:
        AppError: As `load_keys`, and UNAVAILABLE `keys_not_written` when the folder cannot be made.
    """
    folder = folder.resolve()
    if _is_empty(folder):
        _create(folder)
    return load_keys(folder)


def load_keys(folder: Path) -> KeyRing:
    """Return the keys in a folder.

    Raises:
        AppError: UNAVAILABLE `key_refused`: a file is missing, damaged, weak, or open to other accounts of the
            machine. The message names the file and the reason, never its content.
    """
    try:
        if folder.stat().st_mode & 0o022:
            _refuse(folder.name, "others may write into the folder; chmod 700 it")
        names = signing_names(folder)
    except OSError as error:
        _refuse(folder.name, f"the folder cannot be read: {error.strerror}")
    if not names:
        _refuse(_FIRST, "it is missing")
    signing = tuple(_signing_key(name, _read(folder / name)) for name in names)
    return KeyRing(signing, _master_secret(_read(folder / _MASTER)))


def signing_names(folder: Path) -> Sequence[str]:
    """Return the names of the files that hold signing keys, in the order of their numbers."""
    numbered = {int(match[1]): name for name in os.listdir(folder) if (match := _SIGNING.fullmatch(name))}
    return [name for _, name in sorted(numbered.items())]


def add_signing_key(folder: Path) -> SigningKey:
    """Put the next signing key into a folder; it appears all at once, and of two processes each adds one.

    Raises:
        AppError: As `load_keys`, and UNAVAILABLE `keys_not_written`.
    """
    fresh = folder / f"new-{secrets.token_hex(8)}"
    pem = _fresh_signing_key()
    try:
        _write(fresh, pem)
        while True:
            name = f"signing-{_number(signing_names(folder)[-1]) + 1}.pem"
            with suppress(FileExistsError):
                os.link(fresh, folder / name)
                break
        _sync(folder)
    except OSError as error:
        raise _not_written(folder, error) from error
    finally:
        with suppress(OSError):
            fresh.unlink()
    return _signing_key(name, pem)


def retire_signing_keys(folder: Path, *, before: datetime) -> Sequence[SigningKey]:
    """Delete the signing keys whose successor was made before that instant; the newest stays. Return what is gone.

    Raises:
        AppError: As `load_keys`, and UNAVAILABLE `keys_not_written`.
    """
    retired = []
    try:
        names = signing_names(folder)
        for name, successor in pairwise(names):
            if (folder / successor).stat().st_mtime > before.timestamp():
                break
            retired.append(_signing_key(name, _read(folder / name)))
            (folder / name).unlink()
        _sync(folder)
    except OSError as error:
        raise _not_written(folder, error) from error
    return retired


def _number(name: str) -> int:
    match = _SIGNING.fullmatch(name)
    return int(match[1]) if match else 0


def _refuse(name: str, reason: str) -> NoReturn:
    raise AppError(ErrorKind.UNAVAILABLE, "key_refused", f"The key file {name} is refused: {reason}.")


def _read(path: Path) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not hold the start up
    except FileNotFoundError:
        _refuse(path.name, "it is missing")
    except OSError as error:
        _refuse(path.name, f"it cannot be opened: {error.strerror}")
    with os.fdopen(file, "rb") as opened:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            _refuse(path.name, "it is no regular file")
        if status.st_mode & 0o077:
            _refuse(path.name, "other accounts may open it; chmod 600 it")
        if not 0 < status.st_size <= _FILE_MAX_BYTES:
            _refuse(path.name, "it is empty" if status.st_size == 0 else "it is too large")
        return opened.read(_FILE_MAX_BYTES)


def _master_secret(content: bytes) -> bytes:
    if not _MASTER_TEXT.fullmatch(content):
        _refuse(_MASTER, "it does not hold 64 hexadecimal characters")
    master = bytes.fromhex(content.decode())
    if len(set(master)) < _DISTINCT_BYTES_MIN:
        _refuse(_MASTER, "it is not random")
    return master


def _signing_key(name: str, pem: bytes) -> SigningKey:
    body = _PEM.fullmatch(pem)
    if body is None:
        _refuse(name, "it holds no unencrypted RSA private key in PKCS#1 PEM form")
    try:
        modulus, exponent = _public_numbers(b64decode(b"".join(body[1].split()), validate=True))
    except (ValueError, ArithmeticError):
        _refuse(name, "the key in it is damaged")
    if modulus.bit_length() < _RSA_BITS:
        _refuse(name, f"the key in it is shorter than {_RSA_BITS} bits")
    n, e = _base64url(modulus), _base64url(exponent)
    thumbprint = json.dumps({"e": e, "kty": "RSA", "n": n}, separators=(",", ":")).encode()
    kid = urlsafe_b64encode(hashlib.sha256(thumbprint).digest()).rstrip(b"=").decode()
    return SigningKey(kid, pem, n, e)


def _public_numbers(der: bytes) -> tuple[int, int]:
    """Read an RSAPrivateKey (RFC 8017 A.1.2) as far as its parts prove each other."""
    content, rest = _element(der, _SEQUENCE)
    numbers = []
    while content:
        number, content = _element(content, _INTEGER)
        numbers.append(int.from_bytes(number, signed=True))
    version, n, e, d, p, q, dp, dq, qi = numbers
    proofs = (
        (rest, version) == (b"", 0),
        min(n, e, d, p, q) > 1,
        n == p * q,
        e * d % (p - 1) == e * d % (q - 1) == 1,
        (dp, dq) == (d % (p - 1), d % (q - 1)),
        qi * q % p == 1,
    )
    if not all(proofs):
        raise ValueError("The numbers of the key do not fit each other.")
    return n, e


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the first DER element, and what follows it."""
    if der[:1] != bytes([tag]) or len(der) < 2:  # noqa: PLR2004 - a tag and a length
        raise ValueError("Not the expected DER element.")
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    if len(der) < start + length:
        raise ValueError("A DER element is cut short.")
    return der[start : start + length], der[start + length :]


def _base64url(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        return False  # loading says what is wrong with it


def _create(folder: Path) -> None:
    fresh = folder.with_name(f"{folder.name}.new-{secrets.token_hex(8)}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir(mode=0o700)
        _write(fresh / _FIRST, _fresh_signing_key())
        _write(fresh / _MASTER, secrets.token_hex(32).encode() + b"\n")
        _sync(fresh)
        _publish(fresh, folder)
    except OSError as error:
        raise _not_written(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _not_written(folder: Path, error: OSError) -> AppError:
    reason = f"Keys cannot be written to {folder.name}: {error.strerror}."
    return AppError(ErrorKind.UNAVAILABLE, "keys_not_written", reason)


def _publish(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)  # over a missing or empty folder only, so of two processes one wins
    except OSError:
        if _is_empty(folder):
            raise
    else:
        _sync(folder.parent)


def _write(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(file)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _fresh_signing_key() -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - a few times in the life of a server
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
