"""The bytes of a track through the real server (N59 to N73; O-HT3, P54)."""

import re
from email.message import Message
from urllib.parse import unquote

import httpx2
import pytest

from doors.native.conftest import HOSTILE_NAME, Served
from support.api import Api, code_of
from support.tones import FORMATS

CHUNK = 4096


@pytest.fixture
def path(served: Served) -> str:
    """Where the long track is."""
    return f"/tracks/{served.ada.track('Long')['id']}/stream"


@pytest.fixture
def data(served: Served) -> bytes:
    """Its bytes: almost three megabytes, so that they leave by the pump and in several turns."""
    return (served.music / "Long" / "long.wav").read_bytes()


def ranged(served: Served, path: str, spec: str, **fields: str) -> httpx2.Response:
    """Ask for ranges."""
    return served.ada.get(path, {"Range": spec, **{name.replace("_", "-"): value for name, value in fields.items()}})


def test_the_whole_file_comes_as_it_is(served: Served, path: str, data: bytes) -> None:
    answer = served.ada.get(path)

    assert answer.status_code == 200
    assert answer.content == data
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["accept-ranges"] == "bytes"
    assert re.fullmatch(r'"[^"]+"', answer.headers["etag"])
    assert answer.headers["last-modified"].endswith(" GMT")


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_has_its_type(served: Served, suffix: str) -> None:
    answer = served.ada.get(f"/tracks/{served.ada.track(f'Tone {suffix}')['id']}/stream")

    assert answer.headers["content-type"] == FORMATS[suffix].mime
    assert answer.content == (served.music / "Formats" / f"tone.{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("spec", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=1000-", 1000, None),
        ("bytes=-100", -100, None),
        ("bytes=-999999999", 0, None),
        ("bytes=0-999999999999", 0, None),
        ("bytes=2000000-2500000", 2_000_000, 2_500_000),
        ("BYTES=5-6", 5, 6),
        ("bytes=,7-8 ,", 7, 8),
        ("bytes=0-9,5-20", 0, 20),
    ],
)
def test_one_range_is_206(served: Served, path: str, data: bytes, *, spec: str, first: int, last: int | None) -> None:
    start = first if first >= 0 else len(data) + first
    end = len(data) - 1 if last is None else last

    answer = ranged(served, path, spec)

    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(data)}"
    assert answer.content == data[start : end + 1]


@pytest.mark.parametrize(
    ("spec", "windows"),
    [
        ("bytes=0-9,100-109", [(0, 9), (100, 109)]),
        ("bytes=100-109, 0-9", [(100, 109), (0, 9)]),
        ("bytes=0-9,-10", [(0, 9), (-10, None)]),
        ("bytes=0-5000,1000000-1500000,99999999999-", [(0, 5000), (1_000_000, 1_500_000)]),
    ],
)
def test_several_ranges_are_parts(
    served: Served, path: str, data: bytes, spec: str, windows: list[tuple[int, int | None]]
) -> None:
    answer = ranged(served, path, spec)

    assert answer.status_code == 206
    kind = Message()
    kind["content-type"] = answer.headers["content-type"]
    assert kind.get_content_type() == "multipart/byteranges"
    parts = answer.content.split(b"\r\n--" + str(kind.get_param("boundary")).encode())
    assert parts[-1] == b"--\r\n"
    bodies = [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]]
    assert bodies == [data[first : None if last is None else last + 1] for first, last in windows]


@pytest.mark.parametrize(
    "spec",
    [
        "bytes=99999999-",
        "bytes=99999999-999999999",
        "bytes=-0",
        "bytes=9999999-,-0",
        f"bytes={'9' * 400}-{'9' * 401}",
    ],
)
def test_no_range_within_the_file_is_416(served: Served, path: str, data: bytes, spec: str) -> None:
    answer = ranged(served, path, spec)

    assert code_of(answer) == (416, "range_not_satisfiable")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize(
    "spec",
    [
        "items=0-9",
        "bytes",
        "bytes=",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=--5",
        "bytes=0x0-0x9",
        "bytes= 0 - 9",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2600, 2)),
        "bytes=" + ",".join(["0-"] * 1300),
    ],
)
def test_what_need_not_be_heeded_gives_the_whole(served: Served, path: str, data: bytes, spec: str) -> None:
    """O-HT3, P54"""
    answer = ranged(served, path, spec)

    assert answer.status_code == 200
    assert answer.content == data


def test_if_range_gives_the_part_only_of_the_same_file(served: Served, path: str, data: bytes) -> None:
    headers = served.ada.get(path, {"Range": "bytes=0-0"}).headers

    assert ranged(served, path, "bytes=0-9", If_Range=headers["etag"]).status_code == 206
    assert ranged(served, path, "bytes=0-9", If_Range=headers["last-modified"]).status_code == 206
    assert ranged(served, path, "bytes=0-9", If_Range='"other"').content == data
    assert ranged(served, path, "bytes=0-9", If_Range="W/" + headers["etag"]).status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("If-None-Match", "{etag}", 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 200),
        ("If-Modified-Since", "{date}", 304),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("If-Match", "{etag}", 200),
        ("If-Match", '"other"', 412),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 412),
    ],
)
def test_conditions_decide_the_status(served: Served, path: str, field: str, value: str, status: int) -> None:
    headers = served.ada.request("HEAD", path).headers
    sent = value.format(etag=headers["etag"], date=headers["last-modified"])

    assert served.ada.get(path, {field: sent}).status_code == status


def test_head_says_what_get_would(served: Served, path: str, data: bytes) -> None:
    answer = served.ada.request("HEAD", path, headers={"Range": "bytes=0-9"})

    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["content-type"] == "audio/wav"


def test_bytes_of_users_can_do_nothing_in_a_browser(served: Served, path: str) -> None:
    """O-HT7"""
    headers = served.ada.request("HEAD", path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"].startswith("private")


def test_a_hostile_name_stays_in_its_field(served: Served) -> None:
    """O-UP6"""
    answer = served.ada.request("HEAD", f"/tracks/{served.ada.track('Hostile')['id']}/stream")

    field = answer.headers["content-disposition"]
    assert re.fullmatch(r"""inline; filename="[ !#-\[\]-~]*"; filename\*=UTF-8''[\w!#$&+.^`|~%-]+""", field)
    assert "set-cookie" not in answer.headers
    name = unquote(field.partition("''")[2])
    assert name.startswith('a"b;c')
    assert name.isprintable()
    assert name != HOSTILE_NAME


def test_many_requests_share_a_connection(served: Served, path: str, data: bytes) -> None:
    answers = [ranged(served, path, f"bytes={start}-{start + CHUNK - 1}") for start in range(0, 100 * CHUNK, CHUNK)]

    assert b"".join(answer.content for answer in answers) == data[: 100 * CHUNK]


@pytest.mark.parametrize("spec", ["bytes=0-99", "bytes=5-200000", "bytes=0-9,20-29", "bytes=99999999-"])
def test_what_is_at_hand_is_answered_as_before(served: Served, path: str, spec: str) -> None:
    """The first answer comes through the application, the next ones from the connection."""
    with Api.sign_in(served.server.url, "ada") as api:
        first, second = (api.get(path, {"Range": spec, "X-Request-ID": "one-and-two"}) for _ in range(2))

    varying = {"date", "content-type"} if "," in spec else {"date"}
    assert {k: v for k, v in first.headers.items() if k not in varying} == {
        k: v for k, v in second.headers.items() if k not in varying
    }
    assert second.headers["x-request-id"] == "one-and-two"
    assert first.status_code == second.status_code
    assert len(first.content) == len(second.content)


def test_an_id_has_no_case(served: Served, path: str) -> None:
    track = path.split("/")[2]

    assert served.ada.request("HEAD", f"/tracks/{track.upper()}/stream").status_code == 200


@pytest.mark.parametrize(
    "path", ["/tracks/../tracks/x/stream", "/tracks/%2e%2e/stream", "/tracks/..%2F..%2Fetc%2Fpasswd/stream"]
)
def test_no_path_leads_out(served: Served, path: str) -> None:
    """O-UP7"""
    assert served.ada.get(path).status_code == 404
