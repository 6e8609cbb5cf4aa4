"""Where a request comes from, and what counts as one network."""

import pytest

from tutti.domain.origin import Origin, arrive, arriving, network_of, origin


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unknown, 1.2.3.4", "unknown, 1.2.3.4"),
    ],
)
def test_a_network_is_what_one_customer_has(address: str, network: str) -> None:
    assert network_of(address) == network


def test_without_a_request_it_comes_from_here() -> None:
    assert origin() == Origin("local", "", "")


def test_within_a_block_it_comes_from_there() -> None:
    with arriving(Origin("native", "192.0.2.7", "one")):
        inside = origin().address

    assert (inside, origin().address) == ("192.0.2.7", "")


def test_a_door_says_it_once() -> None:
    with arriving(origin()):
        arrive(Origin("native", "192.0.2.7", "one"))

        assert origin().door == "native"
