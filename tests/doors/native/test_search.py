"""Search as somebody types (N51 to N54)."""

import pytest

from doors.native.conftest import Served
from support.api import code_of


def titles(served: Served, query: str, **more: object) -> list[str]:
    """Return the titles of the tracks that were found."""
    return [one["title"] for one in served.ada.read("/search", q=query, **more)["tracks"]]


@pytest.mark.parametrize("query", ["m", "mo", "moo", "moon", "MOON", "Mòón", " moon "])
def test_every_letter_narrows(served: Served, query: str) -> None:
    assert {"Moon", "Moonlight", "Blue Moon"} <= set(titles(served, query))


@pytest.mark.parametrize("query", ["ete", "été", "ÉTÉ", "Ete"])
def test_accents_and_case_do_not_matter(served: Served, query: str) -> None:
    assert "Été" in titles(served, query)


@pytest.mark.parametrize("query", ["emilie", "vegetal", "saison fleur", "emi fleur veg", "fleur, de-saison!"])
def test_words_may_be_of_title_artist_and_album(served: Served, query: str) -> None:
    assert "Fleur de saison" in titles(served, query)


def test_all_words_must_match(served: Served) -> None:
    assert titles(served, "moon zebras") == []


def test_the_best_come_first(served: Served) -> None:
    assert titles(served, "moon") == ["Moon", "Moonlight", "Sun", "Blue Moon"]


def test_parts_of_words_are_found_when_beginnings_give_too_little(served: Served) -> None:
    assert titles(served, "nlight") == ["Moonlight"]


def test_artists_and_albums_are_found_too(served: Served) -> None:
    found = served.ada.read("/search", q="ze")

    assert [one["name"] for one in found["artists"]] == ["The Zebras"]
    assert [one["title"] for one in served.ada.read("/search", q="noct")["albums"]] == ["Nocturnes", "Nocturnes"]


def test_a_limit_counts_for_each_kind(served: Served) -> None:
    found = served.ada.read("/search", q="n", limit=1)

    assert [len(found[kind]) for kind in ("artists", "albums", "tracks")] == [1, 1, 1]


def test_one_library_can_be_searched_alone(served: Served) -> None:
    libraries = {one["name"]: one["id"] for one in served.ada.read("/libraries")}

    assert titles(served, "moon", library=libraries["Music"]) == titles(served, "moon")
    assert titles(served, "moon", library=libraries["ada"]) == []
    assert code_of(served.ada.get("/search", q="moon", library=libraries["ada"][:-1] + "x"))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        "!?",
        "\u200b",
        '"',
        "'",
        "*",
        "AND",
        "NOT moon OR",
        "scope:l1",
        "body:moon",
        "NEAR(moon)",
        "moon)",
        "(((",
        "%",
        "\\",
        "{x}",
        "-moon",
        "^moon",
        "a\x00b",
        "\ud7ff",
        "💿",
        "x" * 500,
        " ".join("abcdefghijklmnopqrst"),
    ],
)
def test_anything_typed_is_harmless(served: Served, query: str) -> None:
    found = served.ada.read("/search", q=query)

    assert set(found) == {"artists", "albums", "tracks"}
    assert "Hush" not in {one["title"] for one in found["tracks"]}


@pytest.mark.parametrize("query", ["", " ", "!?", "\u200b"])
def test_nothing_to_look_for_finds_nothing(served: Served, query: str) -> None:
    assert served.ada.read("/search", q=query) == {"artists": [], "albums": [], "tracks": []}
