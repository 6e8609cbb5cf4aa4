"""Files that are sent: as they are, or in a form."""

import base64
import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from support.api import PASSWORD, Api, code_of
from support.server import Server, add_user, copied, serving, wait_until
from support.tones import write_tone

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """A server that takes files of 1 MiB at most, and somebody who sends them."""

    server: Server
    ada: Api
    place: Path

    def song(self, name: str, **tags: str) -> bytes:
        """Return a real file that nothing else has the bytes of."""
        return write_tone(self.place / name, tags={"title": name, **tags}).read_bytes()

    def put(self, name: str, data: bytes | Iterator[bytes], **options: str) -> httpx2.Response:
        headers = {key.replace("_", "-"): value for key, value in options.items()}
        return self.ada.request("PUT", f"/files/{quote(name, safe='')}", content=data, headers=headers)

    def staged(self) -> list[str]:
        return sorted(path.name for path in self.server.data_dir.glob("**/staging/*"))

    def stored(self) -> int:
        return int(self.ada.read("/admin/overview")["stored_bytes"])


@pytest.fixture(scope="module")
def sent(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    data_dir = copied(template, tmp_path_factory.mktemp("sent"))
    add_user(data_dir, "ada", PASSWORD, "--admin")
    add_user(data_dir, "bob", PASSWORD)
    small = {"TUTTI_UPLOADS__MAX_FILE_MB": "1"}
    with serving(data_dir, settings=small) as server, Api.sign_in(server.url, "ada") as ada:
        yield Sent(server, ada, tmp_path_factory.mktemp("songs"))


class TestAsItIs:
    @pytest.mark.parametrize("is_announced", [True, False])
    @pytest.mark.parametrize("size", [MIB - 1, MIB])
    def test_one_that_is_as_large_as_a_batch_is_whole(self, sent: Sent, size: int, *, is_announced: bool) -> None:
        data = b"OggS" + bytes([size % 256, is_announced]) + bytes(size - 6)

        answer = sent.put("large.ogg", data if is_announced else iter([data[:10], data[10:]]))

        assert (answer.status_code, answer.json()["sha256"]) == (201, hashlib.sha256(data).hexdigest())

    def test_of_a_small_file_whose_sender_leaves_nothing_stays(self, sent: Sent) -> None:
        """O-UP2"""
        before, song = sent.stored(), sent.song("Left.mp3")
        parts = urlsplit(sent.server.url)
        head = f"PUT /api/v1/files/a.ogg HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {sent.ada.token}\r\n"
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            connection.sendall(f"{head}Content-Length: 1000\r\n\r\nOggS".encode())

        assert sent.put("b.mp3", song).status_code == 201
        assert (sent.staged(), sent.stored()) == ([], before + len(song))

    def test_a_file_becomes_a_track_with_its_tags_and_the_same_bytes(self, sent: Sent) -> None:
        data = sent.song("Hello.flac", artist="Ann")

        answer = sent.put("Hello.flac", data)

        assert answer.status_code == 201
        item = answer.json()
        assert item == {
            "id": item["id"],
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
            "is_new": True,
        }
        wait_until(lambda: sent.ada.get(f"/tracks/{item['id']}").status_code == 200, what="its tags are read")
        track = sent.ada.read(f"/tracks/{item['id']}")["track"]
        assert (track["title"], track["artist"]) == ("Hello.flac", "Ann")
        assert sent.ada.get(f"/tracks/{item['id']}/stream").content == data

    def test_sent_again_it_is_the_same_item(self, sent: Sent) -> None:
        data = sent.song("Twice.mp3")
        first = sent.put("Twice.mp3", data)

        again = sent.put("Another name.mp3", data)

        assert (again.status_code, again.json()["is_new"], again.json()["id"]) == (200, False, first.json()["id"])

    def test_it_may_come_without_a_length(self, sent: Sent) -> None:
        data = sent.song("Chunked.ogg")

        assert sent.put("Chunked.ogg", iter([data[:5], data[5:]])).status_code == 201

    def test_it_may_say_its_hash(self, sent: Sent) -> None:
        """RFC 9530, section 2"""
        data = sent.song("Hashed.opus")
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()

        assert sent.put("Hashed.opus", data, Content_Digest=f"sha-256=:{digest}:").status_code == 201

    def test_another_hash_is_refused_and_nothing_kept(self, sent: Sent) -> None:
        """P11"""
        data, before = sent.song("Wrong.mp3"), sent.stored()
        path = f"/files/Wrong.mp3?sha256={'0' * 64}"

        answer = sent.ada.request("PUT", path, content=data)

        assert code_of(answer) == (422, "digest_mismatch")
        assert (sent.stored(), sent.staged()) == (before, [])

    @pytest.mark.parametrize("digest", ["sha-256=:no base64:", "sha-256=:QUJD:", "sha-256=QUJD"])
    def test_a_hash_that_is_none_is_400(self, sent: Sent, digest: str) -> None:
        assert code_of(sent.put("x.mp3", b"x", Content_Digest=digest)) == (400, "bad_digest")

    @pytest.mark.parametrize(
        "name",
        ["..\\x.mp3", "a\0b", "CON", "x" * 2000, "\u202egpj.mp3", "a\nb", "日"],
    )
    def test_a_name_is_a_name_and_nothing_else(self, sent: Sent, name: str) -> None:
        """O-UP1"""
        data = sent.song("Named.wav", comment=name.replace("\0", "") + str(len(name)))

        answer = sent.put(name, data)

        assert answer.status_code in {200, 201}
        stored = {path.name for path in sent.server.data_dir.glob("**/blobs/??/??/*")}
        assert hashlib.sha256(data).hexdigest() in stored

    @pytest.mark.parametrize(
        "data",
        [
            b"<html><script>alert(1)</script>" * 40,
            b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 40,
            b"MZ" + bytes(900),
        ],
    )
    def test_what_is_no_audio_is_415_whatever_its_name(self, sent: Sent, data: bytes) -> None:
        """O-UP5"""
        assert code_of(sent.put("song.mp3", data)) == (415, "not_audio")
        assert sent.staged() == []

    def test_an_empty_file_is_422(self, sent: Sent) -> None:
        assert code_of(sent.put("empty.mp3", b"")) == (422, "empty_file")

    def test_too_large_a_file_is_413_before_and_while_it_comes(self, sent: Sent) -> None:
        data = b"OggS" + bytes(MIB)

        assert code_of(sent.put("large.ogg", data)) == (413, "file_too_large")
        assert code_of(sent.put("large.ogg", iter([data]))) == (413, "file_too_large")
        assert sent.staged() == []

    def test_a_library_that_is_not_ones_own_is_404(self, sent: Sent) -> None:
        with Api.sign_in(sent.server.url, "bob") as bob:
            foreign = bob.read("/libraries")[0]["id"]

        answer = sent.ada.request("PUT", f"/files/x.mp3?library={foreign}", content=sent.song("Foreign.mp3"))

        assert code_of(answer) == (404, "library_not_found")

    def test_a_client_that_leaves_in_the_middle_leaves_nothing(self, sent: Sent) -> None:
        """O-UP2"""
        before = sent.stored()
        parts = urlsplit(sent.server.url)
        head = f"PUT /api/v1/files/x.mp3 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sent.ada.token}\r\n"
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(
                f"{head}Transfer-Encoding: chunked\r\n\r\n200000\r\n".encode() + b"OggS" + bytes(MIB // 2)
            )
            wait_until(sent.staged, what="the upload has begun")

        wait_until(lambda: not sent.staged(), what="nothing is left of it")
        assert sent.stored() == before
        assert sent.ada.read("/me/quota")["reserved_bytes"] == 0

    def test_the_quota_is_507_and_counts_what_is_there(self, sent: Sent) -> None:
        data = sent.song("Quota.mp3")
        with Api.sign_in(sent.server.url, "bob") as bob:
            bob_id = next(one["id"] for one in sent.ada.read("/users") if one["username"] == "bob")
            changed = sent.ada.request("PATCH", f"/users/{bob_id}", json={"quota_bytes": len(data) - 1})
            assert changed.status_code == 200, changed.text

            assert code_of(bob.request("PUT", "/files/x.mp3", content=data)) == (507, "quota_exceeded")

            sent.ada.request("PATCH", f"/users/{bob_id}", json={"quota_bytes": len(data)})
            assert bob.request("PUT", "/files/x.mp3", content=data).status_code == 201
            assert code_of(bob.request("PUT", "/files/y.mp3", content=data + b"\0")) == (507, "quota_exceeded")
            quota = bob.read("/me/quota")
            assert (quota["used_bytes"], quota["limit_bytes"]) == (len(data), len(data))


class TestForm:
    def test_every_file_has_its_outcome(self, sent: Sent) -> None:
        one, two = sent.song("Form one.mp3"), sent.song("Form two.flac")
        files = [
            ("file", ("one.mp3", one)),
            ("file", ("text.mp3", b"This is a text.\n" * 60)),
            ("file", ("again.mp3", one)),
            ("file", ("two.flac", two)),
        ]

        outcomes = sent.ada.request("POST", "/uploads", files=files).json()

        assert [one["filename"] for one in outcomes] == ["one.mp3", "text.mp3", "again.mp3", "two.flac"]
        assert [one["item"] and one["item"]["is_new"] for one in outcomes] == [True, None, False, True]
        assert outcomes[1]["problem"]["code"] == "not_audio"
        assert sent.staged() == []

    def test_a_stranger_learns_nothing_of_his_files(self, sent: Sent) -> None:
        files = [("library", (None, "no library")), ("file", ("one.mp3", sent.song("Stranger.mp3")))]
        with Api(sent.ada.url, "not.a.token") as stranger:
            answer = stranger.request("POST", "/uploads", files=files)

        assert code_of(answer) == (401, "token_invalid")

    def test_a_file_of_several_batches_arrives_whole(self, sent: Sent) -> None:
        data = write_tone(sent.place / "Long.wav", seconds=8, tags={"title": "Long"}).read_bytes()
        assert MIB // 2 < len(data) < MIB

        outcome = sent.ada.request("POST", "/uploads", files=[("file", ("long.wav", data))]).json()[0]

        assert outcome["item"]["sha256"] == hashlib.sha256(data).hexdigest()

    def test_a_name_that_is_a_path_is_its_last_part(self, sent: Sent) -> None:
        """O-UP1"""
        files = [("file", ("../../etc/passwd.mp3", sent.song("Path.mp3")))]

        outcome = sent.ada.request("POST", "/uploads", files=files).json()[0]

        item = outcome["item"]["id"]
        wait_until(lambda: sent.ada.get(f"/tracks/{item}").status_code == 200, what="it is listed")
        assert 'filename="passwd.mp3"' in sent.ada.get(f"/tracks/{item}/stream").headers["content-disposition"]

    def test_it_may_name_the_library(self, sent: Sent) -> None:
        shared = sent.ada.post("/libraries", {"name": "Shared"}).json()["id"]
        data = sent.song("In shared.mp3")

        answer = sent.ada.request("POST", "/uploads", data={"library": shared}, files={"file": ("x.mp3", data)})

        assert answer.json()[0]["item"]["is_new"]
        wait_until(lambda: sent.ada.read(f"/libraries/{shared}")["track_count"] == 1, what="it is listed there")

    @pytest.mark.parametrize(
        ("kind", "body", "refusal"),
        [
            ("application/json", b"{}", (415, "unsupported_media_type")),
            ("multipart/form-data", b"x", (415, "unsupported_media_type")),
            ("multipart/form-data; boundary=x", b"nothing like a form", (400, "bad_form")),
            ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--\r\n", (400, "bad_form")),
            (
                "multipart/form-data; boundary=x",
                b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
                (422, "no_file"),
            ),
        ],
    )
    def test_what_is_no_form_with_files_is_refused(
        self, sent: Sent, kind: str, body: bytes, refusal: tuple[int, str]
    ) -> None:
        answer = sent.ada.request("POST", "/uploads", content=body, headers={"Content-Type": kind})

        assert code_of(answer) == refusal

    def test_a_form_that_ends_in_a_file_leaves_nothing_of_it(self, sent: Sent) -> None:
        head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.mp3"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}

        answer = sent.ada.request("POST", "/uploads", content=head + b"OggS" + bytes(5000), headers=kind)

        assert code_of(answer) == (400, "bad_form")
        assert sent.staged() == []
