# ruff: noqa: RUF001 - the letters that look like others are the subject here
"""Folding, sorting and cleaning text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.kit.text import FOLDED_MAX, LAST, SORT_KEY_MAX, clean, fold, sort_key, username_key, words

ASCII = st.text(st.characters(max_codepoint=127))
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
COMBINING = st.text(st.sampled_from("aи\u0301\u0316\u0306\u3099か' .’s"), max_size=30)


class TestFold:
    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("Sigur Rós", "sigur ros"),
            ("Björk Guðmundsdóttir", "bjork gudmundsdottir"),
            ("Straße ẞ", "strasse ss"),
            ("Æon Œuvre Ørsted Łódź Đorđe Þór", "aeon oeuvre orsted lodz dorde thor"),
            ("İstanbul Işık", "istanbul isik"),
            ("Ｆｕｌｌ　Ｗｉｄｔｈ ① ﬁn", "full width 1 fin"),
            ("AC/DC - Back_in_Black!", "ac dc back in black"),
            ("  many \t spaces ", "many spaces"),
            ("Σίσυφος", "σισυφοσ"),
            ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
            ("Track ٣", "track 3"),
        ],
    )
    def test_case_accents_and_punctuation_do_not_matter(self, text: str, folded: str) -> None:
        assert fold(text) == folded

    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("R.E.M.", "rem"),
            ("N.W.A", "nwa"),
            ("J.J. Cale", "jj cale"),
            ("Mr. Blue Sky", "mr blue sky"),
            ("v1.2 2.0", "v1 2 2 0"),
            ("Don't Stop", "dont stop"),
            ("Don’t Stop", "dont stop"),
            ("Beyoncé’s", "beyonces"),
            ("L'Amour", "l amour"),
            ("Hawaiʻi", "hawaii"),
        ],
    )
    def test_initials_and_contractions_close_up(self, text: str, folded: str) -> None:
        assert fold(text) == folded

    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("東京事変", "東京事変"),
            ("ﾊﾟﾌｭｰﾑ がか", "パフューム がか"),
            ("방탄소년단", "방탄소년단"),
            ("Чайковский", "чайковский"),
            ("Ёлка", "елка"),
            ("Їжак Ўзвышша", "їжак ўзвышша"),
            ("أُمّ كُلْثُوم", "ام كلثوم"),
            ("فيـــروز", "فيروز"),
            ("हिन्दी की", "हिन्दी की"),
            ("คาราบาว ที่", "คาราบาว ที่"),
            ("שָׁלוֹם", "שלום"),
        ],
    )
    def test_other_scripts_keep_their_letters(self, text: str, folded: str) -> None:
        assert fold(text) == unicodedata.normalize("NFC", folded)

    @pytest.mark.parametrize(("text", "folded"), [("!!!", "!!!"), ("+ / -", "+/-"), ("÷", "÷"), ("…", "...")])
    def test_a_name_of_symbols_keeps_them(self, text: str, folded: str) -> None:
        assert fold(text) == folded

    @pytest.mark.parametrize("text", ["", "   ", "\u200b", "\x00\x07", "\ud800"])
    def test_nothing_visible_is_empty(self, text: str) -> None:
        assert fold(text) == ""

    @given(st.text() | COMBINING)
    def test_folding_twice_changes_nothing(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)

    @given(st.text() | COMBINING)
    def test_composed_and_decomposed_text_are_the_same(self, text: str) -> None:
        assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))

    @given(ASCII)
    def test_the_short_way_for_ascii_agrees_with_the_long_one(self, text: str) -> None:
        assert fold(text.translate(FULL_WIDTH) + "\u200b") == fold(text)

    def test_long_text_is_bounded_on_both_sides(self) -> None:
        assert len(fold("\ufdfa" * 100_000)) <= FOLDED_MAX


class TestSortKey:
    @pytest.mark.parametrize(
        "titles",
        [
            ["Track 2", "Track 10", "Track 100"],
            ["ABBA", "The Beatles", "Björk", "Chic"],
            ["Los Bravos", "El Cuarteto", "Die Drei", "L'Étoile", "Zaz"],
            ["!!!", "2 Chainz", "10cc", "A-ha", "Zappa"],
            ["99999999999999999999999", "100000000000000000000000"],
            ["Zappa", "Άννα", "Яна", "東京", ""],
        ],
    )
    def test_names_sort_as_people_expect(self, titles: list[str]) -> None:
        keys = [sort_key(title) for title in titles]

        assert keys == sorted(set(keys))

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("The Beatles", "beatles"),
            ("THE   Beatles", "beatles"),
            ("“The Wall”", "wall"),
            ("Die Ärzte", "arzte"),
            ("Les Rita Mitsouko", "rita mitsouko"),
            ("A Perfect Circle", "perfect circle"),
            ("A-ha", "a ha"),
            ("Theory", "theory"),
            ("The The", "the"),
            ("The", "the"),
            ("Die !", "die"),
        ],
    )
    def test_a_leading_article_does_not_count(self, text: str, key: str) -> None:
        assert sort_key(text) == key

    @given(st.integers(min_value=0), st.integers(min_value=0))
    def test_numbers_sort_by_value(self, a: int, b: int) -> None:
        assert (sort_key(f"No. {a}") < sort_key(f"No. {b}")) == (a < b)

    @given(st.text())
    def test_keys_are_short_and_order_alike_in_code_points_and_utf8(self, text: str) -> None:
        key = sort_key(text)

        assert 0 < len(key) <= SORT_KEY_MAX
        assert (key < "m") == (key.encode() < b"m")

    @given(st.text())
    def test_nothing_sorts_after_the_empty_name(self, text: str) -> None:
        assert sort_key(text) <= sort_key("") == LAST


class TestWords:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("Sigur  RÓS (live)", ["sigur", "ros", "live"]),
            ('" OR 1=1 --', ["or", "1", "1"]),
            ("one two three four", ["one", "two", "three"]),
            ("la la", ["la", "la"]),
            ("!!! ???", []),
            ("", []),
        ],
    )
    def test_a_query_becomes_at_most_the_words_asked_for(self, query: str, found: list[str]) -> None:
        assert words(query, 3) == found

    @given(st.text(), st.integers(0, 5))
    def test_words_are_never_empty_and_carry_no_quotes(self, query: str, limit: int) -> None:
        found = words(query, limit)

        assert len(found) <= limit
        assert all(word and not set(word) & set("\"'*:^() \0") for word in found)


class TestClean:
    @pytest.mark.parametrize(
        ("text", "cleaned"),
        [
            ("  Abbey Road ", "Abbey Road"),
            ("Re\u0301", "Ré"),
            ("evil\u202egpj.mp3", "evilgpj.mp3"),
            ("a\u2066b\u2069", "ab"),
            ("a\nb\tc\u2028d", "a b c d"),
            ("NUL\x00 bell\x07 escape\x1b[0m", "NUL bell escape[0m"),
            ("\ud800lone", "lone"),
        ],
    )
    def test_what_cannot_be_shown_is_gone(self, text: str, cleaned: str) -> None:
        assert clean(text, 100) == cleaned

    @given(st.text(st.characters()), st.integers(0, 20))
    def test_clean_text_is_bounded_and_stays_clean(self, text: str, max_len: int) -> None:
        cleaned = clean(text, max_len)

        assert len(cleaned) <= max_len
        assert clean(cleaned, max_len) == cleaned
        assert unicodedata.is_normalized("NFC", cleaned.encode().decode())

    def test_stacks_of_marks_are_cut_before_they_cost_time(self) -> None:
        assert clean("Z" + "\u0301\u0316" * 25_000 + "!", 100).endswith("!")

    def test_long_runs_of_symbols_stay(self) -> None:
        assert clean("═" * 80, 100) == "═" * 80


class TestUsernameKey:
    @pytest.mark.parametrize(
        "twin",
        [
            "admin",
            "ADMIN",
            "adm\u0131n",
            "ADM\u0130N",
            "admin\u200b",
            "ad\u00admin",
            "ａｄｍｉｎ",
            " admin ",
            "adm\u3164in",
            "a\ufe0fdmin",
        ],
    )
    def test_twins_have_one_key(self, twin: str) -> None:
        """reliability.md O-LOG5."""
        assert username_key(twin) == "admin"

    @pytest.mark.parametrize("name", ["%", "_", "' or 1=1--", "josé", "ольга"])
    def test_other_names_stay_themselves(self, name: str) -> None:
        assert username_key(name) == name

    @pytest.mark.parametrize("name", ["", " ", "\u200b", "\u3164", "\u2800"])
    def test_an_invisible_name_has_no_key(self, name: str) -> None:
        assert username_key(name) == ""

    @given(st.text(max_size=60) | COMBINING)
    def test_a_key_is_its_own_key(self, name: str) -> None:
        assert username_key(username_key(name)) == username_key(name)
