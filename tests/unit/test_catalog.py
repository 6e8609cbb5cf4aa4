"""How tags become tracks, artists, albums and genres, and what makes two of them the same."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.domain.catalog import ArtistDraft, CreditRole, TrackDraft, artist, describe
from tutti.domain.media import Tags

ANN, BOB = artist("Ann"), artist("Bob")
MBID, OTHER_MBID = "b9b1a5c4-0000-4000-8000-000000000001", "b9b1a5c4-0000-4000-8000-000000000002"
SONG = Tags(title="Song", artists=("Ann",), album="First")


def described(tags: Tags, folder: str = "folder") -> TrackDraft:
    return describe(tags, stem="01 file", folder_name="My folder", folder_identity=folder)


def credited(draft: TrackDraft, role: CreditRole) -> list[ArtistDraft]:
    return [one for found, one in draft.credits if found == role]


class TestFileWithoutTags:
    def test_its_title_is_the_name_of_the_file(self) -> None:
        assert described(Tags()).title == "01 file"

    def test_its_album_is_the_folder(self) -> None:
        assert described(Tags()).album.title == "My folder"

    def test_folders_of_the_same_name_are_different_albums(self) -> None:
        assert described(Tags(), "one").album.identity != described(Tags(), "other").album.identity

    def test_nobody_known_made_it(self) -> None:
        draft = described(Tags())

        assert (draft.artist_name, draft.album.artist.name) == ("Unknown artist", "Unknown artist")


class TestArtist:
    @pytest.mark.parametrize("name", ["Björk", "BJÖRK", "bjork", "Bjo\u0308rk", " Björk!"])
    def test_spelling_does_not_matter(self, name: str) -> None:
        assert artist(name).identity == artist("Björk").identity

    def test_other_names_are_other_artists(self) -> None:
        assert ANN.identity != BOB.identity

    def test_a_name_of_symbols_is_a_name(self) -> None:
        assert artist("!!!").identity != artist("???").identity

    @pytest.mark.parametrize("name", ["\u0301", "\ufe0f"])
    def test_a_name_that_folds_to_nothing_is_still_one(self, name: str) -> None:
        assert artist(name).identity == f"name:{name}"

    def test_an_identifier_is_stronger_than_the_name(self) -> None:
        assert artist("Ann", MBID).identity == artist("Someone else", MBID).identity
        assert artist("Ann", MBID).identity != ANN.identity

    def test_articles_do_not_count_in_order(self) -> None:
        assert artist("The Beatles").sort_key == artist("Beatles").sort_key


class TestCredits:
    def test_the_first_artist_is_the_tracks_own(self) -> None:
        draft = described(replace(SONG, artists=("Ann", "Bob")))

        assert credited(draft, CreditRole.ARTIST) == [ANN, BOB]
        assert (draft.credits[0], draft.artist_name) == ((CreditRole.ARTIST, ANN), "Ann, Bob")

    def test_identifiers_go_with_the_names(self) -> None:
        draft = described(replace(SONG, artists=("Ann", "Bob"), mb_artists=(MBID, OTHER_MBID)))

        assert [one.mbid for one in credited(draft, CreditRole.ARTIST)] == [MBID, OTHER_MBID]

    def test_identifiers_that_cannot_be_told_apart_are_left_out(self) -> None:
        draft = described(replace(SONG, artists=("Ann", "Bob"), mb_artists=(MBID,)))

        assert [one.mbid for one in credited(draft, CreditRole.ARTIST)] == ["", ""]

    def test_composers_are_credited(self) -> None:
        draft = described(replace(SONG, composers=("Bob", "\u0301")))

        assert credited(draft, CreditRole.COMPOSER) == [BOB]

    def test_nobody_is_credited_twice_for_the_same(self) -> None:
        draft = described(replace(SONG, artists=("Ann", "Ann"), composers=("Ann",)))

        assert draft.credits == (
            (CreditRole.ARTIST, ANN),
            (CreditRole.ALBUM_ARTIST, ANN),
            (CreditRole.COMPOSER, ANN),
        )

    def test_an_empty_name_is_none(self) -> None:
        assert described(replace(SONG, artists=("", "Bob"))).artist_name == "Bob"


class TestAlbum:
    def test_its_artist_is_the_one_named(self) -> None:
        assert described(replace(SONG, album_artists=("Bob",))).album.artist == BOB

    def test_else_the_first_of_the_track(self) -> None:
        assert described(replace(SONG, artists=("Bob", "Ann"))).album.artist == BOB

    def test_else_various_on_a_compilation(self) -> None:
        assert described(replace(SONG, is_compilation=True)).album.artist.name == "Various Artists"

    def test_tracks_of_one_album_in_several_folders_stay_together(self) -> None:
        assert described(SONG, "cd 1").album.identity == described(SONG, "cd 2").album.identity

    @pytest.mark.parametrize("title", ["FIRST", "First!", "f\u0131rst"])
    def test_spelling_does_not_matter(self, title: str) -> None:
        assert described(replace(SONG, album=title)).album.identity == described(SONG).album.identity

    @pytest.mark.parametrize("other", [replace(SONG, album="Second"), replace(SONG, artists=("Bob",))])
    def test_another_title_or_artist_is_another_album(self, other: Tags) -> None:
        assert described(other).album.identity != described(SONG).album.identity

    def test_titles_of_symbols_are_told_apart(self) -> None:
        identities = {described(replace(SONG, album=title)).album.identity for title in ("+", "-", "\u0301")}

        assert len(identities) == 3

    def test_an_identifier_is_stronger_than_the_title(self) -> None:
        one, other = replace(SONG, mb_release=MBID), replace(SONG, album="Other", mb_release=MBID)

        assert described(one).album.identity == described(other).album.identity
        assert described(one).album.identity != described(SONG).album.identity


class TestGenres:
    def test_each_is_named_once_whatever_its_spelling(self) -> None:
        draft = described(replace(SONG, genres=("Hip-Hop", "hip hop", "Jazz", "\u0301")))

        assert [one.identity for one in draft.genres] == ["hip hop", "jazz"]


class TestBody:
    def test_it_is_folded_line_by_line(self) -> None:
        draft = described(Tags(title="Jóga!", artists=("Björk", "The Ann"), album="Homogenic"))

        assert draft.body == "joga\nbjork the ann\nhomogenic"


TEXTS = st.text(max_size=3000)
NAMES = st.lists(st.text(max_size=900), max_size=4).map(tuple)


@given(
    tags=st.builds(Tags, title=TEXTS, artists=NAMES, album=TEXTS, album_artists=NAMES, genres=NAMES, composers=NAMES),
    stem=TEXTS,
    folder=TEXTS,
)
def test_whatever_the_tags_say_fits_into_the_database(tags: Tags, stem: str, folder: str) -> None:
    draft = describe(tags, stem=stem, folder_name=folder, folder_identity="x" * 36)

    lengths = {
        "title": (draft.title, 500),
        "title_sort": (draft.title_sort, 600),
        "artist_name": (draft.artist_name, 1000),
        "body": (draft.body, 2000),
        "album": (draft.album.title, 500),
        "album identity": (draft.album.identity, 1300),
    }
    too_long = [name for name, (text, most) in lengths.items() if len(text) > most]
    too_long += [one.name for _, one in draft.credits if len(one.identity) > 600 or len(one.name) > 500]
    too_long += [one.name for one in draft.genres if len(one.identity) > 300]
    assert too_long == []
    assert draft.credits[0][0] == CreditRole.ARTIST


@given(tags=st.builds(Tags, title=TEXTS, artists=NAMES, album=TEXTS, genres=NAMES))
def test_the_same_tags_always_give_the_same_draft(tags: Tags) -> None:
    one, again = described(tags), described(tags)

    assert all(getattr(one, field.name) == getattr(again, field.name) for field in fields(TrackDraft))
