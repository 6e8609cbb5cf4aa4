"""The rules by which a scan decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.domain.scanning import ScanPolicy, folder_picture

POLICY = ScanPolicy(max_vanished_share=0.5, min_vanished_files=20)


class TestBelieves:
    @pytest.mark.parametrize(
        ("vanished", "known", "is_believed"),
        [
            (0, 0, True),
            (0, 1000, True),
            (19, 19, True),
            (20, 20, False),
            (20, 40, True),
            (21, 40, False),
            (500, 1000, True),
            (501, 1000, False),
        ],
    )
    def test_few_files_or_a_small_share(self, vanished: int, known: int, is_believed: bool) -> None:  # noqa: FBT001
        assert POLICY.believes(vanished, known) is is_believed

    @given(known=st.integers(0, 10_000), vanished=st.integers(0, 10_000))
    def test_a_share_of_one_believes_everything(self, known: int, vanished: int) -> None:
        assert ScanPolicy(max_vanished_share=1.0).believes(min(vanished, known), known)


class TestFolderPicture:
    @pytest.mark.parametrize(
        ("names", "chosen"),
        [
            ([b"front.jpg", b"cover.png", b"folder.jpg"], b"cover.png"),
            ([b"AlbumArt.JPG", b"Folder.PNG"], b"Folder.PNG"),
            ([b"cover.webp", b"cover.jpg", b"cover.png"], b"cover.jpg"),
            ([b"cover.jpg", b"COVER.JPG"], b"COVER.JPG"),
            ([b"album.gif"], b"album.gif"),
            ([b"back.jpg", b"cover.txt", b"cover", b"discover.jpg", b"caf\xe9.jpg"], None),
            ([], None),
        ],
    )
    def test_the_best_name_wins(self, names: list[bytes], chosen: bytes | None) -> None:
        assert folder_picture(names) == chosen

    @given(names=st.permutations([b"cover.jpg", b"cover.png", b"Folder.jpg", b"FRONT.gif", b"x.mp3", b"\xff.jpg"]))
    def test_the_order_of_the_names_does_not_matter(self, names: list[bytes]) -> None:
        assert folder_picture(names) == b"cover.jpg"
