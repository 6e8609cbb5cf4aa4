"""A browser's `<audio>` plays every format from its address, on a page of another origin, and seeks (N74)."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import ClassVar

import pytest

from flows.conftest import TONE_SECONDS
from support import tiers
from support.tones import FORMATS

PAGE = """<!doctype html><meta charset="utf-8"><title>player</title><script>
const addresses = %s;
function play(address) {
  return new Promise(resolve => {
    const audio = new Audio(), seen = {events: []};
    const end = () => { seen.error = audio.error && audio.error.message; audio.pause(); resolve(seen); };
    for (const name of ["loadedmetadata", "seeked", "playing", "error"])
      audio.addEventListener(name, () => seen.events.push(name));
    audio.addEventListener("loadedmetadata", () => { seen.duration = audio.duration; audio.currentTime = 8; });
    audio.addEventListener("seeked", () => { seen.from = audio.currentTime; audio.play().catch(end); });
    audio.addEventListener("timeupdate", () => { if (seen.from && audio.currentTime > seen.from + 0.3) {
      seen.to = audio.currentTime; end(); } });
    audio.addEventListener("error", end);
    setTimeout(end, 20000);
    audio.src = address;
  });
}
(async () => {
  const found = {};
  for (const [name, address] of Object.entries(addresses)) found[name] = await play(address);
  await fetch("/found", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


class Desk(BaseHTTPRequestHandler):
    """Serves the page and takes what it found."""

    page: ClassVar[bytes] = b""
    found: ClassVar["Queue[bytes]"] = Queue()

    def do_GET(self) -> None:
        self.answer(self.page if self.path == "/" else b"")

    def do_POST(self) -> None:
        self.found.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def page_of(addresses: Mapping[str, str]) -> Iterator[str]:
    """Serve the page, from an origin of its own, and give its address."""
    Desk.page = (PAGE % json.dumps(addresses)).encode()
    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as desk:
        thread = Thread(target=desk.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{desk.server_port}/"
        finally:
            desk.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def found(addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What the browser saw of each format."""
    chromium = tiers.require("chromium")
    with page_of(addresses) as page:
        return shown(chromium, page, tmp_path_factory.mktemp("browser") / "profile")


def shown(chromium: str, page: str, profile: Path) -> dict[str, dict[str, object]]:
    """Open the page and return what it tells."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"]
    options += ["--no-first-run", "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={profile}"]
    command = [chromium, *options, page]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            return dict(json.loads(Desk.found.get(timeout=180)))
        finally:
            browser.terminate()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_browser_seeks_and_plays(found: dict[str, dict[str, object]], suffix: str) -> None:
    seen = found[suffix]

    assert seen["error"] is None
    assert seen["duration"] == pytest.approx(TONE_SECONDS, abs=0.3)
    assert seen["from"] == pytest.approx(8, abs=0.3)
    assert seen["events"] == ["loadedmetadata", "seeked", "playing"]
