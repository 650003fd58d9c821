"""What Nova does not show, and which host is meant by a name that it does not know."""

import pytest

from masakari_lite import exceptions
from masakari_lite.compute import cells

HOSTS = ["compute-1", "compute-2", "compute-11", "node.a.example.com", "node.b.example.com", "10.0.0.5"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("COMPUTE-2", ["compute-2"]),
        ("compute-2.example.com", ["compute-2"]),
        ("Compute-2.Example.COM", ["compute-2"]),
        ("compute2", ["compute-2"]),
        ("compute_2", ["compute-2"]),
        ("computer-11", ["compute-11"]),
        ("node", ["node.a.example.com", "node.b.example.com"]),
        # with another number it is another host
        ("compute-12", []),
        ("compute-111", []),
        ("10.0.0.6", []),
        ("10", []),
        ("database", []),
        ("", []),
    ],
)
def test_which_host_is_meant(name: str, meant: list[str]) -> None:
    assert cells.find_similar(name, HOSTS) == meant


def test_the_hint_comes_with_a_cell_that_is_down_too() -> None:
    error = cells.explain_unknown_host("COMPUTE-2", HOSTS, is_complete=False)
    assert isinstance(error, exceptions.CellUnavailable)
    assert "did you mean compute-2?" in str(error)


def test_a_few_hosts_of_down_cells_are_named() -> None:
    said = cells.describe_down_cells([f"compute-{number:02}" for number in range(40)])
    assert said.startswith("40 hosts are in cells")
    assert "compute-00, compute-01" in said
    assert "compute-09 ...;" in said
    assert "compute-10" not in said
