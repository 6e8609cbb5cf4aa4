"""What a name, a password and an address must be like: by the server's floor, and by the rules of a door."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.text import clean, username_key

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_EMAIL_MAX = 254  # RFC 5321
PASSWORD_MAX = 1_024
"""Characters of a password; longer ones are refused, never cut."""


class CharClass(Enum):
    """A kind of characters that a door may ask for in a password; ASCII, as the originals count."""

    UPPER = ("an upper-case letter", re.compile(r"[A-Z]"))
    LOWER = ("a lower-case letter", re.compile(r"[a-z]"))
    DIGIT = ("a digit", re.compile(r"[0-9]"))
    OTHER = ("a character that is no letter and no digit", re.compile(r"[^A-Za-z0-9]"))

    def __init__(self, words: str, pattern: re.Pattern[str]) -> None:
        self.words = words
        self.pattern = pattern


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What a door asks of new names and passwords; never asked at login, so that old ones stay good.

    Attributes:
        username: What a whole name must match; None asks nothing.
        min_password_bytes: In UTF-8, as some originals count; `min_password_chars` counts characters.
        password_needs: Kinds of characters of which each must occur.
    """

    min_username_chars: int = 1
    max_username_chars: int = 64
    username: re.Pattern[str] | None = None
    min_password_chars: int = 1
    min_password_bytes: int = 1
    max_password_chars: int = PASSWORD_MAX
    password_needs: tuple[CharClass, ...] = ()

    def username_problem(self, name: str) -> str | None:
        """Return the sentence that says what is wrong with a name, None when nothing is."""
        shortest, longest = self.min_username_chars, self.max_username_chars
        if not shortest <= len(name) <= longest or clean(name, longest + 1) != name or not username_key(name):
            return f"A user name has {shortest} to {longest} visible characters and no space around it."
        if self.username is not None and not self.username.fullmatch(name):
            return "The user name has characters that are not taken here."
        return None

    def password_problems(self, password: str) -> Sequence[str]:
        """Return a sentence for everything that is wrong with a password."""
        found = []
        if len(password) < self.min_password_chars:
            found.append(f"The password needs at least {self.min_password_chars} characters.")
        if len(password.encode("utf-8", "surrogatepass")) < self.min_password_bytes:
            found.append(f"The password needs at least {self.min_password_bytes} bytes.")
        if len(password) > self.max_password_chars:
            found.append(f"The password has at most {self.max_password_chars} characters.")
        found += [f"The password needs {one.words}." for one in self.password_needs if not one.pattern.search(password)]
        return found


ANY = AccountRules()
"""No rule beyond what everything needs; the server's own floor still counts."""


def check_username(name: str, *rules: AccountRules) -> None:
    """See that a name keeps to all rules.

    Raises:
        AppError: INVALID `bad_username`.
    """
    for one in rules:
        problem = one.username_problem(name)
        if problem is not None:
            raise AppError(ErrorKind.INVALID, "bad_username", problem)


def check_password(password: str, *rules: AccountRules) -> None:
    """See that a password keeps to all rules.

    Raises:
        AppError: INVALID `bad_password`, with everything that is wrong in its message.
    """
    problems = dict.fromkeys(problem for one in rules for problem in one.password_problems(password))
    if problems:
        raise AppError(ErrorKind.INVALID, "bad_password", " ".join(problems))


def check_email(email: str) -> None:
    """See that it is an address.

    Raises:
        AppError: INVALID `bad_email`.
    """
    if len(email) > _EMAIL_MAX or not _EMAIL.fullmatch(email) or clean(email, _EMAIL_MAX + 1) != email:
        raise AppError(ErrorKind.INVALID, "bad_email", "That is not an e-mail address.")


class Kept(Enum):
    """Stands for what a change leaves as it is, where None means something."""

    KEPT = "kept"


KEPT = Kept.KEPT
