"""Keys are added and retired beside a running server (reliability.md P36)."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from support.errors import raised
from tutti.backends.key_folder import KeyFolder
from tutti.backends.keys import load_keys
from tutti.backends.tokens import RS256Tokens
from tutti.domain.errors import ErrorKind
from tutti.domain.values import SessionUUID, UserId
from tutti.kit.clock import system_clock
from tutti.ports.identity import AccessClaims

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CLAIMS = AccessClaims(
    user_uuid=UUID(int=7),
    user_id=UserId(7),
    username="ann",
    session_uuid=SessionUUID(UUID(int=8)),
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
)
DAY = timedelta(days=1)


@pytest.fixture
def folder(keys_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(keys_folder, tmp_path / "keys"))


@pytest.fixture
def keys(folder: Path) -> KeyFolder:
    return KeyFolder(folder, clock=system_clock)


@pytest.fixture
def tokens(keys: KeyFolder) -> RS256Tokens:
    """Those of a server that started before anything was rotated."""
    return tokens_of(keys)


def tokens_of(keys: KeyFolder) -> RS256Tokens:
    return RS256Tokens(keys.ring, issuer="tutti", clock=lambda: NOW, look=keys.signing)


class TestAdding:
    def test_the_new_key_signs_at_once_and_both_verify(self, keys: KeyFolder, tokens: RS256Tokens) -> None:
        before = tokens.mint(CLAIMS)

        added = keys.add()

        after = tokens.mint(CLAIMS)
        assert before.partition(".")[0] != after.partition(".")[0]
        assert tokens.verify(before) == tokens.verify(after) == CLAIMS
        assert keys.kids()[-1] == added

    def test_another_process_sees_it_at_the_first_token(self, folder: Path, tokens: RS256Tokens) -> None:
        elsewhere = KeyFolder(folder, clock=system_clock)
        elsewhere.add()

        assert tokens.verify(tokens_of(elsewhere).mint(CLAIMS)) == CLAIMS

    def test_all_public_keys_are_published(self, keys: KeyFolder, tokens: RS256Tokens) -> None:
        keys.add()

        assert [one["kid"] for one in tokens.jwks()["keys"]] == list(keys.kids())
        assert len(keys.kids()) == 2

    def test_it_is_as_private_as_the_first(self, keys: KeyFolder, folder: Path) -> None:
        keys.add()

        assert (folder / "signing-2.pem").stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in folder.iterdir()) == ["master.key", "signing-1.pem", "signing-2.pem"]

    def test_of_many_at_once_none_is_lost(self, keys: KeyFolder) -> None:
        with ThreadPoolExecutor(4) as pool:
            added = list(pool.map(lambda _: keys.add(), range(4)))

        assert set(added) <= set(keys.kids())
        assert len(keys.kids()) == 5

    def test_a_start_finds_them_all(self, keys: KeyFolder, folder: Path) -> None:
        added = keys.add()

        assert load_keys(folder).signing[-1].kid == added

    def test_a_folder_that_cannot_be_written_is_named(self, keys: KeyFolder, folder: Path) -> None:
        shutil.rmtree(folder)
        folder.write_text("")

        assert raised(keys.add) == (ErrorKind.UNAVAILABLE, "keys_not_written")


class TestTrouble:
    def test_a_key_that_cannot_be_read_changes_nothing(
        self, keys: KeyFolder, tokens: RS256Tokens, folder: Path
    ) -> None:
        before = tokens.mint(CLAIMS)
        (folder / "signing-2.pem").write_text("noise")

        assert tokens.verify(before) == CLAIMS
        assert tokens.mint(CLAIMS).partition(".")[0] == before.partition(".")[0]

    def test_a_folder_that_is_gone_signs_nobody_out(self, keys: KeyFolder, tokens: RS256Tokens, folder: Path) -> None:
        before = tokens.mint(CLAIMS)
        shutil.rmtree(folder)

        assert tokens.verify(before) == CLAIMS


class TestRetiring:
    def aged(self, folder: Path, by: timedelta) -> None:
        """Let the keys have been made so long ago."""
        for path in folder.glob("signing-*.pem"):
            then = path.stat().st_mtime - by.total_seconds()
            os.utime(path, (then, then))

    def test_one_whose_successor_is_young_stays(self, keys: KeyFolder) -> None:
        keys.add()

        assert keys.retire(unused_for=DAY) == []

    def test_one_whose_successor_is_old_goes(self, keys: KeyFolder, tokens: RS256Tokens, folder: Path) -> None:
        first, before = keys.kids()[0], tokens.mint(CLAIMS)
        keys.add()
        self.aged(folder, DAY + timedelta(minutes=1))

        assert keys.retire(unused_for=DAY) == [first]
        assert raised(lambda: tokens.verify(before))[1] == "token_invalid"
        assert tokens.verify(tokens.mint(CLAIMS)) == CLAIMS

    def test_the_newest_never_goes(self, keys: KeyFolder, folder: Path) -> None:
        self.aged(folder, 100 * DAY)

        assert keys.retire(unused_for=timedelta()) == []
        assert len(keys.kids()) == 1

    def test_a_number_is_never_used_again(self, keys: KeyFolder, folder: Path) -> None:
        keys.add()
        keys.retire(unused_for=-DAY)

        keys.add()

        assert sorted(path.name for path in folder.glob("signing-*")) == ["signing-2.pem", "signing-3.pem"]
