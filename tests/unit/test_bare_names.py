"""The environment names of the originals (contracts/astolfo.md A44-A46, contracts/collisions.md section 4)."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tutti.settings import BadSetting, bare_remarks, load

STRONG = "sixteen chars ok"
STORE = {"S3_ACCESS_KEY": "ours", "S3_SECRET_KEY": STRONG}
BUCKET = {
    "TUTTI_BLOBS__URL": "s3://songs/of/us",
    "TUTTI_BLOBS__ENDPOINT": "https://s3.example.org",
    "TUTTI_BLOBS__ACCESS_KEY": "ours",
    "TUTTI_BLOBS__SECRET_KEY": "secret",
}
NAMED = {"TUTTI_COMPAT__ENV": "astolfo"}
TEXTS = {
    "DATABASE_URL": "metadata.db",
    "SECRET_KEY": STRONG,
    "SECURITY_KEY": STRONG,
    "PORT": "50060",
    "S3_ENDPOINT": "minio:9000",
    "S3_ACCESS_KEY": "ours",
    "S3_SECRET_KEY": STRONG,
    "S3_BUCKET": "songs",
    "S3_USE_SSL": "false",
}


def refused(environment: Mapping[str, str]) -> str:
    with pytest.raises(BadSetting) as caught:
        load({**NAMED, **environment})
    return str(caught.value)


class TestReading:
    def test_all_names_together_are_what_they_mean(self) -> None:
        found = load(NAMED | TEXTS)

        assert found.db_url == f"sqlite:///{Path('metadata.db').absolute()}"
        assert (found.grpc.ports, found.auth.security_key) == (("50060",), STRONG)
        assert (found.blobs.url, found.blobs.endpoint) == ("s3://songs", "http://minio:9000")
        assert (found.blobs.access_key, found.blobs.secret_key) == ("ours", STRONG)

    def test_a_store_that_is_half_named_is_that_of_the_original(self) -> None:
        found = load(NAMED | STORE)

        assert (found.blobs.url, found.blobs.endpoint) == ("s3://music", "http://localhost:9000")

    def test_without_a_store_blobs_stay_here(self) -> None:
        assert load(NAMED | {"S3_USE_SSL": "true"}).blobs.url == ""

    @pytest.mark.parametrize(
        ("text", "scheme"), [("true", "https"), ("True", "http"), ("1", "http"), ("false", "http")]
    )
    def test_ssl_is_on_for_true_alone(self, text: str, scheme: str) -> None:
        assert load(NAMED | STORE | {"S3_USE_SSL": text}).blobs.endpoint == f"{scheme}://localhost:9000"

    def test_the_setting_wins(self) -> None:
        found = load(NAMED | TEXTS | {"TUTTI_GRPC__PORTS": "1,2", "TUTTI_BLOBS__URL": "file:///srv/blobs"})

        assert (found.grpc.ports, found.blobs.url) == (("1", "2"), "file:///srv/blobs")

    def test_names_are_ignored_where_no_door_is_named(self) -> None:
        assert load(TEXTS) == load({})


class TestRefusal:
    @pytest.mark.parametrize("name", TEXTS)
    def test_a_name_that_is_set_and_empty_is_refused(self, name: str) -> None:
        assert refused(STORE | {name: ""}) == f"{name}: is set, and empty."

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("SECRET_KEY", "dev-secret-key"),
            ("SECURITY_KEY", "dev-security-key"),
            ("S3_ACCESS_KEY", "minioadmin"),
            ("S3_SECRET_KEY", "minioadmin"),
        ],
    )
    def test_a_secret_that_everybody_knows_is_refused(self, name: str, text: str) -> None:
        assert refused(STORE | {name: text}) == f"{name}: everybody knows this one; choose another."

    @pytest.mark.parametrize("name", ["SECRET_KEY", "SECURITY_KEY", "S3_SECRET_KEY"])
    def test_a_short_secret_is_refused(self, name: str) -> None:
        assert refused(STORE | {name: STRONG[1:]}) == f"{name}: must have at least 16 characters."

    def test_a_value_that_its_setting_refuses_is_named_as_it_was_set(self) -> None:
        assert refused({"PORT": "http"}).startswith("PORT: ")

    def test_an_endpoint_has_no_scheme(self) -> None:
        assert refused(STORE | {"S3_ENDPOINT": "http://minio:9000"}).startswith("S3_ENDPOINT: must be HOST:PORT")

    def test_a_database_of_postgresql_has_a_setting(self) -> None:
        assert "TUTTI_DB__URL" in refused({"DATABASE_URL": "postgres://u:p@h/n"})

    def test_a_store_without_credentials_is_refused(self) -> None:
        assert refused({"S3_BUCKET": "songs"}) == "TUTTI_BLOBS__ACCESS_KEY: must be set for s3://."

    def test_a_door_without_such_names_is_refused(self) -> None:
        assert refused({"TUTTI_COMPAT__ENV": "joykunga"}).startswith("TUTTI_COMPAT__ENV: ")


class TestRemarks:
    def test_names_that_nobody_reads_are_told_of_together(self) -> None:
        assert bare_remarks(load({}), {"PORT": "1", "SECRET_KEY": "x"}).ignored == ["PORT", "SECRET_KEY"]

    def test_a_key_without_effect_is_told_of(self) -> None:
        said = bare_remarks(load(NAMED), {"PORT": "1", "SECRET_KEY": STRONG})

        assert (said.ignored, said.idle) == ([], ["SECRET_KEY"])


class TestStore:
    def test_a_bucket_is_a_store(self) -> None:
        assert load(BUCKET).blobs.is_remote

    @pytest.mark.parametrize(
        ("name", "text", "reason"),
        [
            ("TUTTI_BLOBS__ACCESS_KEY", "", "must be set for s3://"),
            ("TUTTI_BLOBS__SECRET_KEY", "minioadmin", "everybody knows this one; choose another"),
            ("TUTTI_BLOBS__ENDPOINT", "s3.example.org", "must be the address of a server"),
            ("TUTTI_BLOBS__ENDPOINT", "ftp://s3.example.org", "must be the address of a server"),
            ("TUTTI_BLOBS__ENDPOINT", "http://s3.example.org/x", "must be the address of a server"),
            ("TUTTI_BLOBS__URL", "s3://ab", "must be file:///PATH or s3://BUCKET/PREFIX"),
            ("TUTTI_BLOBS__URL", "s3://Songs", "must be file:///PATH or s3://BUCKET/PREFIX"),
            ("TUTTI_BLOBS__URL", "s3://songs/../x y", "must be file:///PATH or s3://BUCKET/PREFIX"),
        ],
    )
    def test_it_is_refused_with_the_key_and_the_reason(self, name: str, text: str, reason: str) -> None:
        with pytest.raises(BadSetting) as caught:
            load(BUCKET | {name: text})

        assert str(caught.value).startswith(f"{name}: {reason}")
