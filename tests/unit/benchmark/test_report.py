"""The benchmark's figures: what is a median, and what a multiple of the bare loop's."""

import argparse
import json
import pathlib

import pytest

from tests.benchmark import chart, report
from tests.benchmark.clouds import Moments, Usage, read_events, summarize
from tests.benchmark.runs import Figures


def _figures(wall: float = 10.0, **kinds: int) -> Figures:
    moments = {str(number): Moments(100.0, 100.5, 100.0, 100.0 + number) for number in (1, 2, 3, 4)}
    usage = Usage(kinds, dict.fromkeys(kinds, 0.25), moments=moments)
    return Figures(wall, 99.0, usage, cpu=0.02, calls=[0.1])


def test_what_nova_was_asked_is_added_up() -> None:
    found = _figures(lock=2, evacuate=2).to_dict()
    assert (found["requests"], found["nova_s"]) == (4, 0.5)
    assert (found["locked_median_s"], found["locked_95_s"]) == (2.5, 4.0)
    assert (found["first_s"], found["unlocked_after_s"]) == (1.5, 2.5)
    assert found["cpu_ms_per_instance"] == 20.0
    assert found["requests_by_kind"] == {"lock": 2, "evacuate": 2}


def test_the_median_of_several_runs() -> None:
    runs = [_figures(wall).to_dict() for wall in (30.0, 10.0, 11.0)]
    assert report.take_medians(runs)["wall_s"] == 11.0


def test_the_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    floor, engine = _figures(10.0).to_dict(), _figures(15.0).to_dict()
    report.print_ratios("engine", engine, "floor", floor)
    assert "1.50 x" in capsys.readouterr().out


def test_a_figure_that_the_cloud_does_not_tell_has_no_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    figures = _figures().to_dict() | {"nova_s": 0}
    report.print_ratios("engine", figures, "floor", figures)
    assert capsys.readouterr().out.count(" x") == 3  # wall, locked and CPU; no request was counted


def _result(scenario: str, name: str, wall: float) -> dict[str, object]:
    return {"name": name, "scenario": scenario, **_figures(wall).to_dict()}


def test_all_runs_are_written_beside_those_of_other_scenarios(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "all.json"
    report.merge(path, [_result("small", "floor", 9.0), _result("large", "floor", 20.0)])
    merged = report.merge(path, [_result("small", "floor", 10.0), _result("small", "engine", 11.0)])
    assert json.loads(path.read_text()) == merged
    assert [(found["scenario"], found["wall_s"]) for found in merged] == [
        ("large", 20.0),
        ("small", 10.0),
        ("small", 11.0),
    ]


def test_the_medians_as_csv(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "all.csv"
    report.write_csv(path, [_result("small", "floor", wall) for wall in (9.0, 12.0, 10.0)])
    heading, line = path.read_text().splitlines()
    assert heading.startswith("scenario,what,wall,first,locked")
    assert line.startswith("small,floor,10.0,1.5,2.5")


@pytest.mark.parametrize(
    ("instances", "hosts", "threads", "ideal"), [(1000, 1, 30, 34), (1000, 20, 5, 10), (7, 2, 10, 1)]
)
def test_the_ideal_time(instances: int, hosts: int, threads: int, ideal: int) -> None:
    options = argparse.Namespace(
        cloud="simulator", instances=instances, hosts=hosts, latency=1.0, wait_for_down=False
    )
    assert report.describe(options, threads).endswith(f"ideal {ideal} s")


def test_the_request_log_tells_how_long_each_was_locked() -> None:
    def build_entry(action: str, time: float, path: str = "/v2.1/servers/a/action") -> dict[str, object]:
        path = path.replace("/a/", "/6f1de1b2-0c1c-4e57-9a5c-2b61d7f0a001/")
        return {
            "service": "nova",
            "method": "POST",
            "path": path,
            "action": action,
            "time": time,
            "seconds": 0.5,
            "status": 202,
        }

    found = summarize(
        [build_entry("lock", 10.0), build_entry("evacuate", 10.5), build_entry("unlock", 14.0)], 1
    )
    assert (found.first, found.locked, found.tokens) == (10.5, [4.0], 1)
    assert found.counts == {
        f"POST /servers/{{id}}/action {name}": 1 for name in ("lock", "evacuate", "unlock")
    }
    assert sum(found.seconds.values()) == 1.5


def test_the_simulators_events_tell_when_it_was_unlocked() -> None:
    texts = {1.0: "locked by admin", 1.5: "accepted", 4.0: "done, on compute-2", 4.25: "unlocked"}
    events = [{"subject": "a", "time": time, "text": text} for time, text in texts.items()]
    assert read_events(events) == {"a": Moments(1.0, 1.5, 4.0, 4.25)}


def test_a_chart_of_the_medians(tmp_path: pathlib.Path) -> None:
    results = [
        {"name": name, "scenario": "real: 30 instances", **_figures(wall, lock=3).to_dict()}
        for name, wall in (("floor", 20.0), ("engine", 21.5), ("masakari-5", 80.0))
    ]
    chart.draw(tmp_path / "chart.svg", results)
    assert (tmp_path / "chart.svg").read_text().startswith("<?xml")
