"""Secrets exist before anybody authenticates, and a bad one stops the start (reliability.md P41)."""

import os
import shutil
import subprocess
import sys
from base64 import b64decode, encodebytes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from tutti.backends.keys import KeyRing, Purpose, load_keys, load_or_create_keys
from tutti.domain.errors import AppError, ErrorKind

PKCS1, PKCS8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
OPEN = serialization.NoEncryption()

FIRST_START = """
import sys
from pathlib import Path
from tutti.backends.keys import Purpose, load_or_create_keys
keys = load_or_create_keys(Path(sys.argv[1]))
print(keys.signing[0].kid, keys.derive(Purpose.TICKETS).hex())
"""


def pem(bits: int, form: serialization.PrivateFormat, encryption: serialization.KeySerializationEncryption) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


@pytest.fixture
def folder(keys_folder: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "keys"
    shutil.copytree(keys_folder, copy)
    return copy


@pytest.fixture(scope="module")
def scratch(keys_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for hypothesis, which runs many examples in one test."""
    copy = tmp_path_factory.mktemp("scratch") / "keys"
    shutil.copytree(keys_folder, copy)
    return copy


class TestFirstStart:
    def test_a_missing_folder_is_made_with_keys_for_us_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "data" / "keys"

        load_or_create_keys(folder)

        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
            "master.key": 0o600,
            "signing-1.pem": 0o600,
        }
        assert list(folder.parent.iterdir()) == [folder]

    def test_an_empty_folder_is_filled(self, tmp_path: Path) -> None:
        assert load_or_create_keys(tmp_path / "keys").signing

    def test_a_link_to_an_empty_folder_is_filled(self, tmp_path: Path) -> None:
        (tmp_path / "volume").mkdir()
        (tmp_path / "keys").symlink_to("volume")

        load_or_create_keys(tmp_path / "keys")

        assert (tmp_path / "volume" / "master.key").is_file()

    def test_the_second_start_finds_the_same_keys(self, tmp_path: Path) -> None:
        assert load_or_create_keys(tmp_path / "keys") == load_or_create_keys(tmp_path / "keys")

    def test_two_servers_have_nothing_in_common(self, keys: KeyRing, other_keys: KeyRing) -> None:
        assert keys.signing != other_keys.signing
        assert keys.derive(Purpose.TICKETS) != other_keys.derive(Purpose.TICKETS)

    def test_processes_that_start_together_end_with_the_same_keys(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", FIRST_START, str(tmp_path / "keys")]

        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        printed = {process.communicate()[0] for process in started}

        assert [process.returncode for process in started] == [0] * 4
        assert len(printed) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["keys"]

    def test_threads_that_start_together_end_with_the_same_keys(self, tmp_path: Path) -> None:
        together = Barrier(4)

        def start() -> KeyRing:
            together.wait()
            return load_or_create_keys(tmp_path / "keys")

        with ThreadPoolExecutor(4) as pool:
            rings = [future.result() for future in [pool.submit(start) for _ in range(4)]]

        assert rings == rings[:1] * 4

    def test_a_place_that_cannot_hold_keys_is_named(self, tmp_path: Path) -> None:
        name = "k" * 250

        with pytest.raises(AppError, match=f"Keys cannot be written to {name}: File name too long") as caught:
            load_or_create_keys(tmp_path / name)

        assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "keys_not_written")
        assert list(tmp_path.iterdir()) == []


class TestRefusal:
    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("master.key", b"", "it is empty"),
            ("master.key", b"abc", "64 hexadecimal"),
            ("master.key", b"0123456789abcdef" * 3, "64 hexadecimal"),
            ("master.key", b"g" * 64, "64 hexadecimal"),
            ("master.key", b"0" * 64, "not random"),
            ("master.key", b"5a" * 32, "not random"),
            ("master.key", b"a" * 70_000, "too large"),
            ("signing-1.pem", b"", "it is empty"),
            ("signing-1.pem", b"secret", "no unencrypted RSA private key"),
            ("signing-1.pem", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "damaged"),
            ("signing-1.pem", b"-----BEGIN RSA PRIVATE KEY-----\nMA==\n-----END RSA PRIVATE KEY-----\n", "damaged"),
            ("signing-1.pem", b"-----BEGIN RSA PRIVATE KEY-----\nA\n-----END RSA PRIVATE KEY-----\n", "damaged"),
        ],
    )
    def test_a_weak_or_damaged_key_is_refused(self, folder: Path, name: str, content: bytes, reason: str) -> None:
        (folder / name).write_bytes(content)

        with pytest.raises(AppError, match=f"The key file {name} is refused: .*{reason}") as caught:
            load_or_create_keys(folder)

        assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "key_refused")

    @pytest.mark.parametrize(
        ("bits", "form", "encryption", "reason"),
        [
            (1024, PKCS1, OPEN, "shorter than 2048 bits"),
            (2048, PKCS8, OPEN, "no unencrypted RSA private key"),
            (2048, PKCS1, serialization.BestAvailableEncryption(b"x"), "no unencrypted RSA private key"),
        ],
        ids=["short", "another form", "encrypted"],
    )
    def test_a_key_of_another_kind_is_refused(
        self,
        folder: Path,
        bits: int,
        form: serialization.PrivateFormat,
        encryption: serialization.KeySerializationEncryption,
        reason: str,
    ) -> None:
        (folder / "signing-1.pem").write_bytes(pem(bits, form, encryption))

        with pytest.raises(AppError, match=reason):
            load_keys(folder)

    @pytest.mark.parametrize("name", ["master.key", "signing-1.pem"])
    def test_a_missing_key_is_never_made_again(self, folder: Path, name: str) -> None:
        (folder / name).unlink()

        with pytest.raises(AppError, match=f"{name} is refused: it is missing"):
            load_or_create_keys(folder)

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
    @pytest.mark.parametrize("name", ["master.key", "signing-1.pem"])
    def test_a_key_that_others_may_open_is_refused(self, folder: Path, name: str, mode: int) -> None:
        (folder / name).chmod(mode)

        with pytest.raises(AppError, match=f"{name} is refused: other accounts"):
            load_keys(folder)

    def test_a_folder_that_others_may_write_is_refused(self, folder: Path) -> None:
        folder.chmod(0o770)

        with pytest.raises(AppError, match="others may write"):
            load_keys(folder)

    def test_a_pipe_is_refused_without_waiting_for_it(self, folder: Path) -> None:
        (folder / "master.key").unlink()
        os.mkfifo(folder / "master.key", 0o600)

        with pytest.raises(AppError, match="no regular file"):
            load_keys(folder)

    @pytest.mark.parametrize("folder_name", ["absent", "keys/master.key"])
    def test_a_folder_that_is_none_is_refused(self, folder: Path, folder_name: str) -> None:
        with pytest.raises(AppError, match="the folder cannot be read"):
            load_keys(folder.parent / folder_name)

    def test_a_file_instead_of_the_folder_is_refused(self, folder: Path) -> None:
        with pytest.raises(AppError, match="the folder cannot be read"):
            load_or_create_keys(folder / "master.key")

    def test_a_link_that_leads_round_in_a_circle_is_refused(self, folder: Path) -> None:
        (folder / "master.key").unlink()
        (folder / "master.key").symlink_to("master.key")

        with pytest.raises(AppError, match="it cannot be opened"):
            load_keys(folder)

    @given(st.data())
    def test_one_changed_bit_is_noticed(self, keys: KeyRing, scratch: Path, data: st.DataObject) -> None:
        head, *body, tail = keys.signing[0].pem.splitlines(keepends=True)
        der = bytearray(b64decode(b"".join(body)))
        der[data.draw(st.integers(0, len(der) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        (scratch / "signing-1.pem").write_bytes(head + encodebytes(der) + tail)

        with pytest.raises(AppError, match=r"damaged|shorter"):
            load_keys(scratch)


class TestKeyRing:
    def test_the_last_number_signs_and_all_verify(self, folder: Path) -> None:
        for number in (2, 10):
            (folder / f"signing-{number}.pem").write_bytes(pem(2048, PKCS1, OPEN))
            (folder / f"signing-{number}.pem").chmod(0o600)

        ring = load_keys(folder)

        assert [key.pem for key in ring.signing] == [
            (folder / f"signing-{number}.pem").read_bytes() for number in (1, 2, 10)
        ]

    def test_a_kid_is_the_thumbprint_of_the_public_key(self, keys: KeyRing) -> None:
        [key] = keys.signing

        theirs = RSAKey.import_key(key.pem)

        assert (key.kid, key.modulus) == (theirs.thumbprint(), theirs.as_dict(private=False)["n"])

    @pytest.mark.parametrize("purpose", Purpose)
    def test_derived_keys_are_hkdf_of_the_master_secret(
        self, keys: KeyRing, keys_folder: Path, purpose: Purpose
    ) -> None:
        master = bytes.fromhex((keys_folder / "master.key").read_text())

        assert keys.derive(purpose) == HKDF(hashes.SHA256(), 32, None, purpose.encode()).derive(master)

    def test_each_purpose_has_its_own_key(self, keys: KeyRing) -> None:
        assert len({keys.derive(purpose) for purpose in Purpose}) == len(Purpose)

    def test_a_key_ring_never_shows_its_secrets(self, keys: KeyRing, keys_folder: Path) -> None:
        assert "PRIVATE" not in repr(keys)
        assert (keys_folder / "master.key").read_text().strip() not in repr(keys)
