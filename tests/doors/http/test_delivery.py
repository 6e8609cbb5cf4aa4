"""Bytes of a file over HTTP, as RFC 9110 has it: the same in every way that they may go."""

import email
import json
from email.message import Message
from pathlib import Path

import httpx2
import pytest

from support.httpbytes import CHANGED, ETAG, Answered, ByteServer, request

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def path(server: ByteServer, track: Path) -> str:
    return "/track" if "/track" in server.files else server.add("/track", track)


def parts(answered: Answered) -> list[Message]:
    """Return the parts of a multipart/byteranges body."""
    head = f"Content-Type: {answered.fields['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answered.body)
    assert not message.defects
    return list(message.walk())[1:]


class TestWhole:
    def test_get_sends_all_of_it(self, server: ByteServer, path: str, noise: bytes) -> None:
        status, fields, body = server.get(path)

        assert (status, body) == (200, noise)
        assert fields["content-length"] == str(len(noise))
        assert "content-range" not in fields

    def test_head_says_the_same_without_a_body(self, server: ByteServer, path: str) -> None:
        with server.connect() as client:
            client.ask(path, "HEAD")
            head = client.answer(has_body=False)
            client.ask(path)
            get = client.answer()

        assert head.status == 200
        assert head.fields == get.fields

    def test_head_ignores_range(self, server: ByteServer, path: str, noise: bytes) -> None:
        with server.connect() as client:
            client.ask(path, "HEAD", Range="bytes=0-1")
            status, fields, _ = client.answer(has_body=False)

        assert (status, fields["content-length"]) == (200, str(len(noise)))

    def test_fields_say_what_it_is_and_keep_it_harmless(self, server: ByteServer, path: str) -> None:
        fields = server.get(path, Range="bytes=0-0").fields

        assert {name: fields[name] for name in fields.keys() - {"date", "server"}} == {
            "content-type": "audio/flac",
            "content-length": "1",
            "content-range": f"bytes 0-0/{5 * MIB + 3}",
            "accept-ranges": "bytes",
            "etag": ETAG,
            "last-modified": CHANGED,
            "cache-control": "private",
            "content-disposition": "inline; filename=\"track.flac\"; filename*=UTF-8''track.flac",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; sandbox",
            "referrer-policy": "no-referrer",
        }

    def test_an_empty_file_is_sent(self, server: ByteServer, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        path = server.add("/empty", tmp_path / "empty")

        status, fields, body = server.get(path, Range="bytes=-1")

        assert (status, fields["content-length"], body) == (200, "0", b"")


class TestRange:
    @pytest.mark.parametrize(
        ("field", "place"),
        [
            ("bytes=0-0", slice(0, 1)),
            ("bytes=5-9", slice(5, 10)),
            ("bytes=-3", slice(5 * MIB, 5 * MIB + 3)),
            (f"bytes={5 * MIB}-", slice(5 * MIB, 5 * MIB + 3)),
            (f"bytes={5 * MIB}-{1 << 60}", slice(5 * MIB, 5 * MIB + 3)),
            (f"bytes=1-{64 * KIB}", slice(1, 64 * KIB + 1)),
            (f"bytes=1-{64 * KIB + 1}", slice(1, 64 * KIB + 2)),
            (f"bytes=1-{256 * KIB}", slice(1, 256 * KIB + 1)),
            (f"bytes=1-{256 * KIB + 1}", slice(1, 256 * KIB + 2)),
            (f"bytes=1-{2 * MIB}", slice(1, 2 * MIB + 1)),
            (f"bytes=1-{2 * MIB + 1}", slice(1, 2 * MIB + 2)),
            ("bytes=0-", slice(0, 5 * MIB + 3)),
            ("bytes=1-", slice(1, 5 * MIB + 3)),
        ],
    )
    def test_one_range_is_sent_as_it_is(
        self, server: ByteServer, path: str, noise: bytes, field: str, place: slice
    ) -> None:
        status, fields, body = server.get(path, Range=field)

        assert status == 206
        assert fields["content-range"] == f"bytes {place.start}-{place.stop - 1}/{len(noise)}"
        assert body == noise[place]

    @pytest.mark.parametrize("field", ["items=0-1", "bytes=9-1", "bytes=x-y", "bytes=" + "0-0," * 1_300])
    def test_what_need_not_be_heeded_gives_the_whole(
        self, server: ByteServer, path: str, noise: bytes, field: str
    ) -> None:
        status, _, body = server.get(path, Range=field)

        assert (status, body) == (200, noise)

    def test_ten_thousand_ranges_give_the_whole_once(self, server: ByteServer, path: str, noise: bytes) -> None:
        status, _, body = server.get(path, Range="bytes=" + ",".join(["0-0"] * 10_000))

        assert (status, body) == (200, noise)

    def test_a_second_range_line_makes_the_field_malformed(self, server: ByteServer, path: str, noise: bytes) -> None:
        with server.connect() as client:
            client.send(request(path, Range="bytes=0-1").replace(b"Range", b"Range: bytes=4-5\r\nRange"))
            status, _, body = client.answer()

        assert (status, body) == (200, noise)

    @pytest.mark.parametrize("field", ["bytes=-0", f"bytes={5 * MIB + 3}-", f"bytes={'9' * 400}-"])
    def test_nothing_satisfiable_is_416_with_the_size(
        self, server: ByteServer, path: str, noise: bytes, field: str
    ) -> None:
        status, fields, body = server.get(path, Range=field)

        assert (status, fields["content-range"]) == (416, f"bytes */{len(noise)}")
        assert fields["content-type"] == "application/problem+json"
        assert json.loads(body)["title"] == "The range lies behind the end of the file."

    @pytest.mark.parametrize("size", [1, 300 * KIB, 2 * MIB - 5])
    def test_several_ranges_come_as_parts_in_the_order_asked(
        self, server: ByteServer, path: str, noise: bytes, size: int
    ) -> None:
        late, early = 3 * MIB, 10

        answered = server.get(path, Range=f"bytes={late}-{late + size - 1},{early}-{early + size - 1}")

        assert answered.status == 206
        assert len(answered.body) == int(answered.fields["content-length"])
        assert [part["content-type"] for part in parts(answered)] == ["audio/flac"] * 2
        assert [part["content-range"] for part in parts(answered)] == [
            f"bytes {late}-{late + size - 1}/{len(noise)}",
            f"bytes {early}-{early + size - 1}/{len(noise)}",
        ]
        assert noise[late : late + size] in answered.body
        assert noise[early : early + size] in answered.body

    def test_parts_hold_exactly_their_bytes(self, server: ByteServer, path: str, noise: bytes) -> None:
        answered = server.get(path, Range="bytes=7-9,-2")

        boundary = answered.fields["content-type"].partition("boundary=")[2].encode()
        first, second, end = answered.body.split(b"\r\n--" + boundary)[1:]
        assert first.partition(b"\r\n\r\n")[2] == noise[7:10]
        assert second.partition(b"\r\n\r\n")[2] == noise[-2:]
        assert end == b"--\r\n"

    def test_ranges_that_join_to_one_come_without_parts(self, server: ByteServer, path: str, noise: bytes) -> None:
        status, fields, body = server.get(path, Range="bytes=4-9,0-3")

        assert (status, fields["content-range"]) == (206, f"bytes 0-9/{len(noise)}")
        assert body == noise[:10]

    def test_overlapping_ranges_cannot_amplify(self, server: ByteServer, path: str, noise: bytes) -> None:
        """P54, CVE-2025-62727: bytes sent are at most the file and 1 kB for each part."""
        answered = server.get(path, Range="bytes=" + ",".join(f"{n}-" for n in range(16)))

        assert answered.body == noise


class TestConditions:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"If_None_Match": ETAG}, 304),
            ({"If_None_Match": '"other"'}, 200),
            ({"If_Modified_Since": CHANGED}, 304),
            ({"If_Match": '"other"'}, 412),
            ({"If_Match": ETAG}, 200),
            ({"If_Unmodified_Since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 412),
        ],
    )
    def test_conditions_decide_the_status(
        self, server: ByteServer, path: str, method: str, fields: dict[str, str], status: int
    ) -> None:
        with server.connect() as client:
            client.ask(path, method, **fields)
            assert client.answer(has_body=method == "GET").status == status
            client.ask(path, "HEAD")
            assert client.answer(has_body=False).status == 200

    def test_not_modified_repeats_the_validators_and_nothing_of_the_body(self, server: ByteServer, path: str) -> None:
        fields = server.get(path, If_None_Match=ETAG).fields

        assert (fields["etag"], fields["last-modified"], fields["cache-control"]) == (ETAG, CHANGED, "private")
        assert not fields.keys() & {"content-length", "content-type", "transfer-encoding"}

    def test_conditions_come_before_ranges(self, server: ByteServer, path: str) -> None:
        assert server.get(path, Range="bytes=0-1", If_None_Match=ETAG).status == 304
        assert server.get(path, Range=f"bytes={1 << 40}-", If_Match='"other"').status == 412

    @pytest.mark.parametrize(
        ("validator", "status"), [(ETAG, 206), (CHANGED, 206), ('"other"', 200), (f"W/{ETAG}", 200)]
    )
    def test_if_range_decides_between_part_and_whole(
        self, server: ByteServer, path: str, validator: str, status: int
    ) -> None:
        assert server.get(path, Range="bytes=0-1", If_Range=validator).status == status

    def test_if_range_without_range_means_nothing(self, server: ByteServer, path: str) -> None:
        assert server.get(path, If_Range='"other"').status == 200


class TestFields:
    def test_further_fields_come_with_every_status(self, server: ByteServer, path: str) -> None:
        server.extra = ((b"x-request-id", b"r1"),)
        try:
            asked = [
                server.get(path),
                server.get(path, Range="bytes=0-1"),
                server.get(path, Range="bytes=0-1,4-5"),
                server.get(path, Range="bytes=-0"),
                server.get(path, If_None_Match="*"),
                server.get(path, If_Match='"x"'),
            ]
        finally:
            server.extra = ()

        assert [(answered.status, answered.fields["x-request-id"]) for answered in asked] == [
            (status, "r1") for status in (200, 206, 206, 416, 304, 412)
        ]

    def test_a_field_with_a_line_break_is_refused_before_anything_is_sent(self, server: ByteServer, path: str) -> None:
        server.extra = ((b"x-request-id", b"r1\r\nset-cookie: a=b"),)
        try:
            answered = server.get(path)
        finally:
            server.extra = ()

        assert answered.status in {400, 500}
        assert "set-cookie" not in answered.fields

    def test_a_hostile_name_injects_no_field(self, server: ByteServer, track: Path) -> None:
        """O-UP6."""
        path = server.add("/hostile", track, filename='x";\r\nset-cookie: a=b\U0001f600')

        fields = server.get(path, Range="bytes=0-0").fields

        assert "set-cookie" not in fields
        assert fields["content-disposition"].startswith('inline; filename="x_;__set-cookie: a=b_"; filename*=UTF-8')


class TestConnection:
    def test_one_connection_serves_many_answers_of_all_sizes(self, server: ByteServer, path: str, noise: bytes) -> None:
        sizes = [1, 3 * MIB, 70 * KIB, 10, 5 * MIB]
        with server.connect() as client:
            for size in sizes:
                client.ask(path, Range=f"bytes=0-{size - 1}")
                assert client.answer().body == noise[:size]

    def test_pipelined_requests_are_answered_in_order(self, server: ByteServer, path: str, noise: bytes) -> None:
        sizes = [5 * MIB, 1, 300 * KIB, 7, 2 * MIB]
        with server.connect() as client:
            client.send(b"".join(request(path, Range=f"bytes=0-{size - 1}") for size in sizes))
            bodies = [client.answer().body for _ in sizes]

        assert bodies == [noise[:size] for size in sizes]

    @pytest.mark.parametrize("size", [1, 5 * MIB])
    def test_a_client_that_says_close_gets_all_and_is_closed(
        self, server: ByteServer, path: str, noise: bytes, size: int
    ) -> None:
        with server.connect() as client:
            client.ask(path, Range=f"bytes=0-{size - 1}", Connection="close")
            status, fields, body = client.answer()

            assert (status, fields["connection"], body) == (206, "close", noise[:size])
            assert client.rest() == b""

    def test_http_1_0_gets_all_and_is_closed(self, server: ByteServer, path: str, noise: bytes) -> None:
        with server.connect() as client:
            client.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            assert client.answer().body == noise
            assert client.rest() == b""

    def test_a_body_of_the_request_is_passed_over(self, server: ByteServer, path: str, noise: bytes) -> None:
        with server.connect() as client:
            client.send(request(path, Content_Length="5") + b"hello" + request(path, Range="bytes=0-1"))

            assert client.answer().body == noise
            assert client.answer().body == noise[:2]

    def test_an_ordinary_client_reads_it(self, server: ByteServer, path: str, noise: bytes) -> None:
        with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
            whole = client.get(path)
            part = client.get(path, headers={"Range": "bytes=-100"})

        assert (whole.content, part.content) == (noise, noise[-100:])
