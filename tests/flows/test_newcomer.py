"""The first ten minutes: a folder of music, an empty data folder, one command."""

import stat
from pathlib import Path

import httpx2

from support.api import PASSWORD, Api
from support.server import serving, wait_until
from support.tones import FORMATS, picture, write_tone


def test_a_newcomer_claims_the_server_and_plays(tmp_path: Path) -> None:
    data_dir, music = tmp_path / "deep" / "data", tmp_path / "Music"
    for number, suffix in enumerate(FORMATS, start=1):
        tags = {"title": f"Song {suffix}", "artist": "Ada", "album": "First", "track": str(number)}
        write_tone(music / "Ada" / f"{number}.{suffix}", tags=tags)
    (music / "Ada" / "folder.jpg").write_bytes(picture())
    (music / "Ada" / "notes.txt").write_text("no music")

    with serving(data_dir, music=music) as server:
        form = httpx2.get(f"{server.url}/claim", params={"token": server.claim_token})
        assert "Claim this Tutti" in form.text
        fields = {"token": str(server.claim_token), "username": "ada", "password": PASSWORD, "email": ""}
        assert httpx2.post(f"{server.url}/claim", data=fields).status_code == 200

        with Api.sign_in(server.url, "ada") as ada:
            wait_until(lambda: len(ada.every("/tracks")) == len(FORMATS), what="every song is listed")
            library = ada.named("/artists", "Ada")
            assert (library["album_count"], library["track_count"]) == (1, len(FORMATS))
            album = ada.every("/albums")[0]
            assert ada.get(f"/albums/{album['id']}/cover").headers["content-type"] == "image/webp"
            assert [one["title"] for one in ada.read("/search", q="song fl")["tracks"]] == ["Song flac"]
            address = ada.ticket("Song flac")

        whole = httpx2.get(address).content
        assert whole == (music / "Ada" / "2.flac").read_bytes()
        assert httpx2.get(address, headers={"Range": "bytes=-500"}).content == whole[-500:]

    assert modes(data_dir) == modes(data_dir / "keys") == 0o700
    assert {modes(path) for path in (data_dir / "keys").rglob("*") if path.is_file()} == {0o600}


def modes(path: Path) -> int:
    """Return the permissions of a path."""
    return stat.S_IMODE(path.stat().st_mode)


def test_what_the_newcomer_made_is_there_after_a_restart(data_dir: Path, tmp_path: Path) -> None:
    write_tone(tmp_path / "Music" / "moon.mp3", tags={"title": "Moon"})
    with serving(data_dir, music=tmp_path / "Music") as server:
        fields = {"token": str(server.claim_token), "username": "ada", "password": PASSWORD}
        assert httpx2.post(f"{server.url}/claim", data=fields).status_code == 200
        with Api.sign_in(server.url, "ada") as ada:
            wait_until(lambda: ada.every("/tracks"), what="the song is listed")
            before, token = ada.track("Moon"), ada.token

    # The same command again: no second library, no second song, and still signed in.
    with serving(data_dir, music=tmp_path / "Music") as server, Api(server.url, token) as ada:
        assert server.claim_token is None
        wait_until(lambda: ada.read("/sources")[0]["state"] == "ok", what="it was looked through again")
        assert ada.every("/tracks") == [before]
        assert sorted(one["name"] for one in ada.read("/libraries")) == ["Music", "ada"]
