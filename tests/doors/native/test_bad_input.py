"""What Schemathesis makes of the description, and what we do: no answer is a server's error (N11; P50)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from support import tiers
from support.api import PASSWORD, Api
from support.mutations import spoilt
from support.routes import DOCUMENT, operations
from support.server import Server, add_user, copied, serving, wait_until
from support.tones import picture, write_tone

EXAMPLES = 200 if tiers.is_deep() else 3
SPOILT = 10_000 if tiers.is_deep() else 50
HOOKS = Path(tiers.__file__).with_name("schemathesis_hooks.py")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "unsupported_method,ignored_auth"
)


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("fuzzed")
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    tags = {"title": "Moon", "artist": "Night", "album": "Nocturnes", "genre": "Jazz"}
    write_tone(place / "music" / "moon.mp3", tags=tags, cover=picture())
    with serving(data_dir, music=place / "music") as server:
        yield server


def fuzz(server: Server, place: Path, *options: str, config: str = "") -> None:
    """Run Schemathesis over the whole document; what it finds is in the message."""
    file = place / "schemathesis.toml"
    file.write_text(f'hooks = "{HOOKS}"\n{config}')
    program = Path(sys.executable).with_name("schemathesis")
    command = [program, "--config-file", file, "--no-color", "run", DOCUMENT, "--url", server.url, "--checks", CHECKS]
    more = ["--max-examples", str(EXAMPLES), "--seed", "1", "--no-shrink", "--continue-on-failure"]
    # What it remembers of other runs would make this one another.
    more += ["--generation-database", "none"]
    if "--phases" not in options:
        more += ["--phases", "examples,coverage,fuzzing"]
    done = subprocess.run([*command, *more, *options], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


def test_without_a_token_nothing_is_answered_5xx(server: Server, tmp_path: Path) -> None:
    # Almost all is 401, and what has no policy is covered below too.
    fuzz(server, tmp_path, *([] if tiers.is_deep() else ["--phases", "examples,fuzzing"]))


def test_with_a_token_nothing_is_answered_5xx(server: Server, tmp_path: Path) -> None:
    with Api.sign_in(server.url, "ada") as ada:
        wait_until(lambda: ada.every("/tracks"), what="there is something to be found")
        # Signing out would leave nothing to the rest of the run, and events never end.
        options = ("--header", f"Authorization: Bearer {ada.token}", "--exclude-path-regex", "logout|events")

        fuzz(server, tmp_path, *options, config=real_ids(ada))
        if tiers.is_deep():
            fuzz(server, tmp_path, *options)


def real_ids(ada: Api) -> str:
    """Return a configuration that puts ids of things that exist into the paths."""
    track = ada.track("Moon")
    ids = {"artist": track["artist_id"], "album": track["album_id"], "track": track["id"]}
    ids |= {"folder": ada.read("/folders")[0]["id"], "source": ada.read("/sources")[0]["id"]}
    return "[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())


@pytest.mark.parametrize("who", ["nobody", "ada"])
def test_no_spoilt_request_is_answered_5xx(server: Server, who: str) -> None:
    """Signing out would leave nothing to the rest, and events never end."""
    random = Random(11)
    asked = [one for one in operations() if "logout" not in one.path and not one.path.endswith("/events")]
    wrong = []

    with Api.sign_in(server.url, "ada") as ada, Api(server.url) as nobody:
        for number in range(SPOILT // 2):
            bad = spoilt(random, random.choice(asked))
            api = {"ada": ada, "nobody": nobody}[who]
            answer = api.request(bad.method, f"/{bad.path}", content=bad.content, headers=bad.headers)
            if answer.status_code >= 500:
                wrong.append((number, bad, answer.status_code, answer.text[:300]))
        assert ada.get("/me").status_code == 200

    assert wrong == []
