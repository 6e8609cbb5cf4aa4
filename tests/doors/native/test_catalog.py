"""Lists and single things of the catalog (N40 to N48)."""

import json
from base64 import urlsafe_b64encode
from uuid import uuid4

import pytest

from doors.native.conftest import Served
from support.api import code_of
from support.tones import FORMATS

LISTS = ["/artists", "/albums", "/tracks", "/genres"]


def test_artists_come_by_name_without_articles_and_accents(served: Served) -> None:
    names = [one["name"] for one in served.ada.every("/artists")]

    assert names == ["Émilie", "Formats", "Moon Duo", "Night", "The Zebras"]


def test_albums_come_by_title(served: Served) -> None:
    titles = [one["title"] for one in served.ada.every("/albums")]

    assert titles == ["Alpha", "Formats", "Hostile", "Long", "Nocturnes", "Nocturnes", "Parts", "Végétal"]


def test_numbers_in_titles_come_by_value(served: Served) -> None:
    titles = [one["title"] for one in served.ada.every("/tracks")]

    assert [title for title in titles if title.startswith("Part ")] == ["Part 1", "Part 2", "Part 10"]
    assert titles.index("Été") == titles.index("Cherry") + 1


def test_genres_come_by_name(served: Served) -> None:
    genres = [(one["name"], one["track_count"]) for one in served.ada.every("/genres")]

    assert genres == [("Chanson", 2), ("Jazz", 3), ("Rock", 3)]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_pages_of_any_size_join_to_the_whole_list(served: Served, path: str, limit: int) -> None:
    pages = list(served.ada.pages(path, limit=limit))

    assert [one for page in pages for one in page] == served.ada.every(path)
    assert all(len(page) == limit for page in pages[:-1])
    assert 0 < len(pages[-1]) <= limit


@pytest.mark.parametrize("narrowed", ["album", "folder", "artist", "genre"])
def test_pages_of_a_narrowed_list_join_too(served: Served, narrowed: str) -> None:
    apple = served.ada.track("Apple")
    folder = next(one for one in folders_below(served) if one["name"] == "Alpha")
    genre = served.ada.named("/genres", "Rock")
    value = {"album": apple["album_id"], "artist": apple["artist_id"], "folder": folder["id"], "genre": genre["id"]}

    pages = list(served.ada.pages("/tracks", limit=1, **{narrowed: value[narrowed]}))

    titles = [page[0]["title"] for page in pages]
    by_file = ["Apple", "Banana", "Cherry"]
    assert titles == (["Apple", "Cherry", "Banana"] if narrowed == "album" else by_file)


def test_a_page_has_fifty_things_unless_asked(served: Served) -> None:
    assert served.ada.read("/tracks") == served.ada.read("/tracks", limit=50)


@pytest.mark.parametrize("path", [*LISTS, "/search"])
@pytest.mark.parametrize("limit", ["0", "-1", "501", "1000000"])
def test_a_limit_out_of_bounds_is_refused(served: Served, path: str, limit: str) -> None:
    assert code_of(served.ada.get(path, limit=limit, q="moon")) == (422, "bad_limit")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "e30", "W10", "\u00e9", "a" * 4096])
def test_a_cursor_that_is_none_is_refused(served: Served, path: str, cursor: str) -> None:
    assert code_of(served.ada.get(path, cursor=cursor)) == (422, "bad_cursor")


@pytest.mark.parametrize(
    "values", [[1, "tracks", "a", 2**64], [1, "tracks", {}, 1], [2, "tracks", "a", 1], [1, "tracks"]]
)
def test_a_forged_cursor_is_refused(served: Served, values: list[object]) -> None:
    cursor = urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).rstrip(b"=").decode()

    assert code_of(served.ada.get("/tracks", cursor=cursor)) == (422, "bad_cursor")


def test_a_cursor_belongs_to_its_list_and_order(served: Served) -> None:
    cursor = served.ada.read("/tracks", limit=1)["next_cursor"]

    assert code_of(served.ada.get("/albums", cursor=cursor)) == (422, "bad_cursor")
    album = served.ada.track("Apple")["album_id"]
    assert code_of(served.ada.get("/tracks", cursor=cursor, album=album)) == (422, "bad_cursor")


def test_albums_of_an_artist(served: Served) -> None:
    night = served.ada.named("/artists", "Night")

    albums = served.ada.every("/albums", artist=night["id"])

    assert [one["title"] for one in albums] == ["Nocturnes", "Parts"]
    assert night["album_count"] == 2
    assert night["track_count"] == 6


def test_filters_narrow_together(served: Served) -> None:
    night = served.ada.named("/artists", "Night")
    jazz = served.ada.named("/genres", "Jazz")

    tracks = served.ada.every("/tracks", artist=night["id"], genre=jazz["id"])

    assert [one["title"] for one in tracks] == ["Part 1", "Part 2", "Part 10"]


def test_one_library_can_be_asked_alone(served: Served) -> None:
    libraries = {one["name"]: one["id"] for one in served.ada.read("/libraries")}

    assert served.ada.every("/tracks", library=libraries["Music"]) == served.ada.every("/tracks")
    assert served.ada.every("/tracks", library=libraries["ada"]) == []
    assert served.ada.every("/artists", library=libraries["ada"]) == []


@pytest.mark.parametrize("path", LISTS)
def test_an_unknown_library_is_404(served: Served, path: str) -> None:
    assert code_of(served.ada.get(path, library=str(uuid4()))) == (404, "library_not_found")


@pytest.mark.parametrize("kind", ["album", "artist", "genre", "folder"])
def test_an_unknown_filter_finds_nothing(served: Served, kind: str) -> None:
    assert served.ada.read("/tracks", **{kind: str(uuid4())}) == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("path", "noun"),
    [
        ("/artists/{}", "artist"),
        ("/albums/{}", "album"),
        ("/albums/{}/cover", "album"),
        ("/tracks/{}", "track"),
        ("/tracks/{}/cover", "track"),
        ("/tracks/{}/stream", "track"),
        ("/folders/{}", "folder"),
        ("/folders/{}/folders", "folder"),
        ("/sources/{}/refused", "source"),
    ],
)
def test_an_unknown_thing_is_404(served: Served, path: str, noun: str) -> None:
    assert code_of(served.ada.get(path.format(uuid4()))) == (404, f"{noun}_not_found")


@pytest.mark.parametrize(("path", "name"), [("/artists", "Émilie"), ("/albums", "Végétal")])
def test_a_single_thing_is_as_in_its_list(served: Served, path: str, name: str) -> None:
    listed = served.ada.named(path, name)

    assert served.ada.read(f"{path}/{listed['id']}") == listed


def test_an_album_has_its_facts(served: Served) -> None:
    album = served.ada.named("/albums", "Alpha")

    assert {key: value for key, value in album.items() if not key.endswith("id")} == {
        "title": "Alpha",
        "artist": "The Zebras",
        "date": "2004-05",
        "is_compilation": False,
        "track_count": 3,
        "duration_ms": 3000,
    }


def test_a_track_comes_whole(served: Served) -> None:
    listed = served.ada.track("Apple")

    whole = served.ada.read(f"/tracks/{listed['id']}")

    assert whole["track"] == listed
    assert whole["lyrics"] == "An apple\na day"
    assert whole["comment"] == "green"
    assert whole["replaygain_track_db"] == pytest.approx(-7.25)
    assert whole["replaygain_album_db"] is None
    assert whole["tags"]["title"] == ["Apple"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_track_of_every_format_has_its_facts(served: Served, suffix: str) -> None:
    track = served.ada.track(f"Tone {suffix}")

    assert track["artist"] == "Formats"
    assert track["filename"] == f"tone.{suffix}"
    assert track["content_type"] == FORMATS[suffix].mime
    assert track["duration_ms"] == pytest.approx(1000, abs=150)
    assert track["sample_rate_hz"] == 48_000
    assert track["size_bytes"] == (served.music / "Formats" / track["filename"]).stat().st_size


def folders_below(served: Served) -> list[dict[str, object]]:
    """Return every folder, top first."""
    found = served.ada.read("/folders")
    for folder in found:
        found += served.ada.every(f"/folders/{folder['id']}/folders")
    return list(found)


def test_folders_are_the_real_ones(served: Served) -> None:
    names = [str(one["name"]) for one in folders_below(served)]

    assert names[0] == "Music"
    assert names[1:7] == ["Broken", "Émilie", "Formats", "Hostile", "Long", "Night"]
    assert sorted(names[8:]) == ["Alpha", "Parts"]


def test_a_folder_knows_its_parent(served: Served) -> None:
    folders = {str(one["name"]): one for one in folders_below(served)}

    assert folders["Music"]["parent_id"] is None
    assert folders["Alpha"]["parent_id"] == folders["The Zebras"]["id"]
    assert served.ada.read(f"/folders/{folders['Alpha']['id']}") == folders["Alpha"]


def test_folders_come_in_pages(served: Served) -> None:
    top = served.ada.read("/folders")[0]["id"]

    pages = list(served.ada.pages(f"/folders/{top}/folders", limit=2))

    assert [one for page in pages for one in page] == served.ada.every(f"/folders/{top}/folders")
    assert [len(page) for page in pages] == [2, 2, 2, 1]
