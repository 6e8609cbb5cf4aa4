"""Settings: what the environment says, checked before anything starts, refused with the key and the reason."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tutti.settings import BadSetting, Settings, load, names


def refused(environment: Mapping[str, str]) -> str:
    with pytest.raises(BadSetting) as caught:
        load(environment)
    return str(caught.value)


class TestDefaults:
    def test_an_empty_environment_is_enough(self) -> None:
        assert load({}) == Settings()

    def test_everything_is_kept_in_one_folder(self) -> None:
        found = load({"TUTTI_DATA_DIR": "/srv/tutti"})

        assert (found.db_url, found.blobs_dir) == ("sqlite:////srv/tutti/tutti.db", Path("/srv/tutti/blobs"))

    def test_other_names_are_not_ours(self) -> None:
        assert load({"PATH": "/bin", "HTTP__PORT": "1", "tutti_http__port": "1"}) == Settings()


class TestValues:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("TUTTI_HTTP__PORT", "8080", 8080),
            ("TUTTI_HTTP__PORT", "0", 0),
            ("TUTTI_HTTP__WRITE_STALL_S", "2.5", 2.5),
            ("TUTTI_HTTP__WRITE_STALL_S", "2", 2.0),
            ("TUTTI_SCAN__WATCH", "false", False),
            ("TUTTI_SCAN__WATCH", "1", True),
            ("TUTTI_HTTP__TRUSTED_PROXIES", " 10.0.0.0/8 ,, ::1 ", ("10.0.0.0/8", "::1")),
            ("TUTTI_HTTP__TRUSTED_PROXIES", "", ()),
            ("TUTTI_AUTH__REGISTRATION", "open", "open"),
            ("TUTTI_DATA_DIR", "my data", Path("my data")),
            ("TUTTI_HTTP__PUBLIC_URL", "https://music.example.org/tutti", "https://music.example.org/tutti"),
            ("TUTTI_DB__URL", "sqlite:///x.db", "sqlite:///x.db"),
        ],
    )
    def test_a_text_becomes_what_it_means(self, name: str, text: str, value: object) -> None:
        assert load({name: text}).value_of(name) == value

    def test_the_stores_can_be_elsewhere(self) -> None:
        found = load({"TUTTI_DB__URL": "sqlite:////a/b.db", "TUTTI_BLOBS__URL": "file:///c/d"})

        assert (found.db_url, found.blobs_dir) == ("sqlite:////a/b.db", Path("/c/d"))

    @pytest.mark.parametrize("name", names())
    def test_every_setting_has_a_name_that_leads_to_it(self, name: str) -> None:
        assert Settings().value_of(name) == names()[name][1].default

    def test_a_secret_does_not_show_itself(self) -> None:
        assert "hush" not in repr(load({"TUTTI_BLOBS__SECRET_KEY": "hush"}))


class TestRefusal:
    @pytest.mark.parametrize(
        ("name", "text", "reason"),
        [
            ("TUTTI_HTTP__PORT", "http", "must be a whole number"),
            ("TUTTI_HTTP__PORT", "", "must be a whole number"),
            ("TUTTI_HTTP__PORT", "70000", "must be at most 65535"),
            ("TUTTI_HTTP__PORT", "-1", "must be at least 0"),
            ("TUTTI_HTTP__WRITE_STALL_S", "0", "must be more than 0.0"),
            ("TUTTI_HTTP__WRITE_STALL_S", "nan", "must be more than 0.0"),
            ("TUTTI_HTTP__WRITE_STALL_S", "soon", "must be a number"),
            ("TUTTI_SCAN__WATCH", "perhaps", "must be true or false"),
            ("TUTTI_SCAN__EVERY_MINUTES", "9" * 5000, "must be a whole number"),
            ("TUTTI_AUTH__REGISTRATION", "sometimes", "must be one of open, invite, closed"),
            ("TUTTI_LOG__LEVEL", "INFO", "must be one of debug, info, warning, error"),
            ("TUTTI_HTTP__PUBLIC_URL", "music.example.org", "must be an address such as https://music.example.org"),
            ("TUTTI_HTTP__PUBLIC_URL", "https://a?b", "must be an address such as https://music.example.org"),
            ("TUTTI_HTTP__TRUSTED_PROXIES", "10.0.0.0/8,x", "'x' does not appear to be an IPv4 or IPv6 network"),
            ("TUTTI_DB__URL", "mysql://x", "must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"),
            (
                "TUTTI_BLOBS__URL",
                "s3://x",
                "must be file:///PATH or s3://BUCKET/PREFIX; a bucket has 3 to 63 characters",
            ),
            ("TUTTI_DATA_DIR", "", "must not be empty"),
            ("TUTTI_PORT", "1", "there is no such setting"),
            ("TUTTI_HTTP", "1", "there is no such setting"),
            ("TUTTI_http__port", "1", "there is no such setting"),
            ("TUTTI_NOPE_FILE", "/nothing", "there is no such setting"),
        ],
    )
    def test_it_names_the_key_and_the_reason(self, name: str, text: str, reason: str) -> None:
        assert refused({name: text}) == f"{name}: {reason}."

    def test_an_unknown_door_is_named_beside_the_known_ones(self) -> None:
        said = refused({"TUTTI_DOORS": "native,garage"})

        assert said.startswith("TUTTI_DOORS: there is no door named 'garage'; known: native, ")

    def test_a_check_of_several_names_the_one_that_is_wrong(self) -> None:
        environment = {"TUTTI_HTTP__PORT": "1", "TUTTI_HTTP__TRUSTED_PROXIES": "x", "TUTTI_SCAN__WORKERS": "1"}

        assert refused(environment).startswith("TUTTI_HTTP__TRUSTED_PROXIES: 'x' does not appear")

    @pytest.mark.parametrize("host", ["", "a..b", "a b", "\x1b", "h" * 300])
    def test_a_host_that_is_none_is_refused(self, host: str) -> None:
        assert refused({"TUTTI_HTTP__HOST": host}) == "TUTTI_HTTP__HOST: must be the name or the address of a host."

    @pytest.mark.parametrize("host", ["127.0.0.1", "::", "::1", "localhost", "müsik.example", "0.0.0.0"])
    def test_a_host_may_be_a_name_or_an_address(self, host: str) -> None:
        assert load({"TUTTI_HTTP__HOST": host}).http.host == host

    @pytest.mark.parametrize(
        "url", ["sqlite:///", "sqlite://", "sqlite:///a?mode=ro", "postgresql:db", "postgres://db"]
    )
    def test_a_database_that_cannot_be_opened_is_refused(self, url: str) -> None:
        assert refused({"TUTTI_DB__URL": url}).startswith("TUTTI_DB__URL: must be sqlite:///PATH or ")

    def test_a_database_may_be_a_server_and_its_password_is_not_shown(self) -> None:
        found = load({"TUTTI_DB__URL": "postgresql://tutti:hush@db.example.org/music"})

        assert found.db_url == "postgresql://tutti:hush@db.example.org/music"
        assert not found.is_embedded
        assert "hush" not in repr(found)

    def test_a_secret_is_not_repeated(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("hush")

        assert "hush" not in refused({"TUTTI_AUTH__ACCESS_MINUTES_FILE": str(secret)})


class TestFiles:
    def test_a_value_can_come_from_a_file(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("hush\n")

        assert load({"TUTTI_BLOBS__SECRET_KEY_FILE": str(secret)}).blobs.secret_key == "hush"

    @pytest.mark.parametrize("name", ["nothing", "", "binary"])
    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "binary").write_bytes(b"\xff\xfe")

        said = refused({"TUTTI_AUTH__SECURITY_KEY_FILE": str(tmp_path / name)})

        assert said == "TUTTI_AUTH__SECURITY_KEY_FILE: the file cannot be read."

    def test_what_is_in_it_is_checked_like_any_other(self, tmp_path: Path) -> None:
        port = tmp_path / "port"
        port.write_text("http")

        assert refused({"TUTTI_HTTP__PORT_FILE": str(port)}) == "TUTTI_HTTP__PORT: must be a whole number."

    def test_two_answers_to_one_question_are_refused(self, tmp_path: Path) -> None:
        port = tmp_path / "port"
        port.write_text("1")

        said = refused({"TUTTI_HTTP__PORT": "2", "TUTTI_HTTP__PORT_FILE": str(port)})

        assert said == "TUTTI_HTTP__PORT: is set twice, here and by TUTTI_HTTP__PORT_FILE."


class TestWithoutEffect:
    def test_defaults_claim_nothing(self) -> None:
        assert Settings().without_effect() == []

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("TUTTI_HTTP__LISTENERS", "sinuzoid:8000"),
            ("TUTTI_REDIS__URL", "redis://localhost/0"),
            ("TUTTI_MOPIDY__URL", "ws://localhost:6680/mopidy/ws"),
        ],
    )
    def test_what_a_later_version_will_do_is_named(self, name: str, text: str) -> None:
        assert load({name: text}).without_effect() == [name]

    def test_what_has_an_effect_is_not(self) -> None:
        assert load({"TUTTI_HTTP__PORT": "1", "TUTTI_DATA_DIR": "x"}).without_effect() == []
