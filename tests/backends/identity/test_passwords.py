"""Passwords are compared exactly, at one price for everybody, by as many threads as we can afford."""

import hashlib
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import bcrypt
import pytest
from argon2 import extract_parameters
from argon2.exceptions import VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from tutti.backends.passwords import Argon2Cost, Argon2Passwords
from tutti.domain.accounts import PASSWORD_MAX
from tutti.domain.errors import AppError, ErrorKind
from tutti.ports.identity import Verdict

CHEAP = Argon2Cost(memory_kib=8, passes=1)
WAIT_S = 30


@pytest.fixture(scope="module")
def passwords() -> Iterator[Argon2Passwords]:
    hasher = Argon2Passwords(CHEAP)
    yield hasher
    hasher.close()


@pytest.fixture
def gate() -> Iterator[Event]:
    opened = Event()
    yield opened
    opened.set()


class TestVerify:
    def test_the_right_password_is_right(self, passwords: Argon2Passwords) -> None:
        assert passwords.verify("correct horse", passwords.hash("correct horse")) is Verdict.RIGHT

    def test_another_is_wrong(self, passwords: Argon2Passwords) -> None:
        assert passwords.verify("battery staple", passwords.hash("correct horse")) is Verdict.WRONG

    @pytest.mark.parametrize(
        ("stored", "typed"),
        [
            ("secret", "secret "),
            ("secret", " secret"),
            ("secret", "Secret"),
            ("secret", "secret\0"),
            ("se\0cret", "se"),
            ("se\0cret", "se\0cres"),
            ("é", unicodedata.normalize("NFD", "é")),
            ("x" * 72 + "a", "x" * 72 + "b"),
            ("x" * 128, "x" * 127),
            ("x" * PASSWORD_MAX, "x" * (PASSWORD_MAX - 1)),
            ("secret", ""),
        ],
    )
    def test_passwords_are_compared_to_the_last_bit(self, passwords: Argon2Passwords, stored: str, typed: str) -> None:
        """reliability.md O-LOG4."""
        hashed = passwords.hash(stored)

        assert passwords.verify(typed, hashed) is Verdict.WRONG
        assert passwords.verify(stored, hashed) is Verdict.RIGHT

    @settings(max_examples=50)
    @given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="utf-8"), max_size=40))
    def test_only_the_same_text_is_right(self, passwords: Argon2Passwords, stored: str, typed: str) -> None:
        assert (passwords.verify(typed, passwords.hash(stored)) is Verdict.RIGHT) == (typed == stored)

    @pytest.mark.parametrize("operation", ["hash", "verify"])
    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("x" * (PASSWORD_MAX + 1), "password_too_long"),
            ("x" * 1_000_000, "password_too_long"),
            ("\ud800", "password_not_text"),
        ],
        ids=["long", "1 MB", "surrogate"],
    )
    def test_what_cannot_be_a_password_is_refused(
        self, passwords: Argon2Passwords, operation: str, password: str, code: str
    ) -> None:
        """reliability.md O-LOG4."""
        with pytest.raises(AppError) as caught:
            passwords.hash(password) if operation == "hash" else passwords.verify(password, None)

        assert (caught.value.kind, caught.value.code) == (ErrorKind.INVALID, code)

    def test_one_password_has_many_hashes(self, passwords: Argon2Passwords) -> None:
        assert passwords.hash("secret") != passwords.hash("secret")


BCRYPT = {
    letter: f"$2{letter}$" + bcrypt.hashpw(b"secret", b"$2b$04$......................").decode()[4:] for letter in "aby"
}
LONG = "x" * 72


class TestImported:
    """contracts/collisions.md 5: hashes of the originals are verified once and made anew at login."""

    @pytest.mark.parametrize("letter", BCRYPT)
    def test_bcrypt_is_right_and_outdated(self, passwords: Argon2Passwords, letter: str) -> None:
        assert passwords.verify("secret", BCRYPT[letter]) is Verdict.RIGHT_BUT_OUTDATED
        assert passwords.verify("Secret", BCRYPT[letter]) is Verdict.WRONG

    @pytest.mark.parametrize("upper", [False, True])
    def test_a_bare_sha_256_is_right_and_outdated(self, passwords: Argon2Passwords, upper: bool) -> None:  # noqa: FBT001
        hashed = hashlib.sha256(b"secret").hexdigest()
        hashed = hashed.upper() if upper else hashed

        assert passwords.verify("secret", hashed) is Verdict.RIGHT_BUT_OUTDATED
        assert passwords.verify("secret ", hashed) is Verdict.WRONG
        assert passwords.verify(hashed, hashed) is Verdict.WRONG

    @pytest.mark.parametrize("typed", [LONG + "a", LONG + "b", LONG[:-2] + "é" + "b", "x\0y"])
    def test_what_bcrypt_would_cut_is_never_right(self, passwords: Argon2Passwords, typed: str) -> None:
        """O-LOG4: no truncation, though the original may have done so."""
        hashed = bcrypt.hashpw(typed.encode()[:72], bcrypt.gensalt(4)).decode()

        assert passwords.verify(typed, hashed) is Verdict.WRONG

    def test_72_bytes_are_not_too_many_for_bcrypt(self, passwords: Argon2Passwords) -> None:
        hashed = bcrypt.hashpw(LONG.encode(), bcrypt.gensalt(4)).decode()

        assert passwords.verify(LONG, hashed) is Verdict.RIGHT_BUT_OUTDATED
        assert passwords.verify(LONG[:-1], hashed) is Verdict.WRONG

    @pytest.mark.parametrize("cost", ["00", "03", "15", "31", "99"])
    def test_no_hash_holds_the_pool_for_hours(self, passwords: Argon2Passwords, cost: str) -> None:
        assert passwords.verify("secret", f"$2b${cost}{BCRYPT['b'][6:]}") is Verdict.WRONG

    @pytest.mark.parametrize("hashed", [*BCRYPT.values(), hashlib.sha256(b"secret").hexdigest(), None, "noise"])
    @pytest.mark.parametrize("typed", ["secret", "wrong"])
    def test_whatever_is_stored_one_slow_hash_is_computed(self, hashed: str | None, typed: str) -> None:
        """P39: the price tells nothing; a right password that is outdated is hashed again by the caller."""
        hasher = CountingArgon2(CHEAP)

        hasher.verify(typed, hashed)

        assert hasher.slow == (0 if hashed in BCRYPT.values() else 1)
        hasher.close()


class CountingArgon2(Argon2Passwords):
    """Counts how often argon2 is asked; bcrypt is its own price."""

    slow = 0

    def _argon2_verdict(self, secret: bytes, hashed: str | None) -> Verdict:
        self.slow += hashed != "noise"  # one that cannot be read costs nothing, and is followed by one that can
        return super()._argon2_verdict(secret, hashed)


class TestUnknownAccount:
    def test_nothing_is_right(self, passwords: Argon2Passwords) -> None:
        assert passwords.verify("secret", None) is Verdict.WRONG

    def test_it_costs_what_a_known_one_costs(self, passwords: Argon2Passwords) -> None:
        """reliability.md P39."""
        assert extract_parameters(passwords._unmatchable) == extract_parameters(passwords.hash("secret"))

    @pytest.mark.parametrize("hashed", ["", "secret", "$2y$10$abc", "$argon2id$v=19$garbage", "$argon2id$é", "é"])
    def test_a_hash_nobody_can_read_is_wrong_after_the_same_work(self, passwords: Argon2Passwords, hashed: str) -> None:
        assert passwords.verify("secret", hashed) is Verdict.WRONG

    def test_work_that_cannot_be_done_is_no_verdict(self) -> None:
        hasher = Argon2Passwords(Argon2Cost(passes=0))

        with pytest.raises(VerificationError, match="Time cost is too small"):
            hasher.verify("secret", None)

        hasher.close()


class TestCost:
    def test_the_default_is_the_owasp_profile(self) -> None:
        hasher = Argon2Passwords()

        assert hasher.hash("secret").startswith("$argon2id$v=19$m=19456,t=2,p=1$")

        hasher.close()

    def test_a_hash_of_another_cost_is_right_but_outdated(self, passwords: Argon2Passwords) -> None:
        dearer = Argon2Passwords(Argon2Cost(memory_kib=16, passes=2))

        assert passwords.verify("secret", dearer.hash("secret")) is Verdict.RIGHT_BUT_OUTDATED
        assert passwords.verify("wrong", dearer.hash("secret")) is Verdict.WRONG

        dearer.close()


class TestQueue:
    def test_beyond_its_places_work_is_refused_before_it_begins(self, gate: Event) -> None:
        """reliability.md finding 9."""
        hasher = Argon2Passwords(CHEAP, threads=1, queued=1)
        begun = Event()

        def hold() -> bool:
            begun.set()
            return gate.wait(WAIT_S)

        with ThreadPoolExecutor(2) as clients:
            clients.submit(hasher._run, hold)
            assert begun.wait(WAIT_S)
            hasher._places.acquire()  # the one who waits

            with pytest.raises(AppError) as caught:
                hasher.verify("secret", None)
            gate.set()

        assert (caught.value.kind, caught.value.code) == (ErrorKind.BUSY, "password_queue_full")
        hasher.close()

    def test_a_place_is_free_again_whatever_came_of_the_work(self) -> None:
        hasher = Argon2Passwords(CHEAP, threads=1, queued=0)

        with pytest.raises(ZeroDivisionError):
            hasher._run(lambda: 1 / 0)

        assert hasher.verify("secret", hasher.hash("secret")) is Verdict.RIGHT
        hasher.close()

    def test_many_clients_share_the_few_threads(self) -> None:
        hasher = Argon2Passwords(CHEAP, threads=2, queued=20)
        lock, together, running = Lock(), [0], [0]

        def work() -> None:
            with lock:
                running[0] += 1
                together.append(running[0])
            hasher._argon2.hash(b"secret")
            with lock:
                running[0] -= 1

        with ThreadPoolExecutor(20) as clients:
            done = list(clients.map(hasher._run, [work] * 20))

        assert len(done) == 20
        assert max(together) <= 2
        hasher.close()
