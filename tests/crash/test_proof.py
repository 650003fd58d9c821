"""The proof can fail: an engine with a mistake is found out, with a command that shows it again."""

import re

import pytest

from tests.crash import command
from tests.crash.points import Spec
from tests.harness.oracle import Invariant

pytestmark = pytest.mark.timeout(300)

LIMIT = 20

MISTAKES = [
    ("evacuate-twice", "2.96", "nova-before", [20], Invariant.ONE_AT_A_TIME),
    ("evacuate-at-once", "2.96", "nova-late", [1, 4, 7], Invariant.ONE_AT_A_TIME),
    ("evacuate-blindly", "2.96", "nova-after", [8, 14], Invariant.JOURNAL_IS_TRUE),
    ("lock-before-writing", "2.60", "nova-after", [2, 3, 4, 5], Invariant.NO_LOCK_OF_OURS),
    ("keep-locks", "2.96", "journal-after", [30], Invariant.NO_LOCK_OF_OURS),
    ("unlock-everybody", "2.96", "journal-after", [30], Invariant.LOCK_OF_OTHERS),
    ("trust-second-sight", "2.96", "nova-after", [10, 14, 18], Invariant.SAME_STATE),
    ("forget-one", "2.96", "nova-before", [20], Invariant.IS_ELSEWHERE),
    ("leave-running-ones", "2.96", "nova-before", [20], Invariant.COMES_TO_AN_END),
]


def run_specs(*specs: str) -> command.Result:
    arguments = [argument for spec in specs for argument in ("--only", spec)]
    return command.run("--limit", str(LIMIT), *arguments)


@pytest.fixture(scope="module")
def findings() -> dict[str, str]:
    """Make all mistakes; returns what was found of each."""
    result = run_specs(
        *(
            f"0/{microversion}/{kind}:{number}/{mistake}"
            for mistake, microversion, kind, numbers, _invariant in MISTAKES
            for number in numbers
        )
    )
    assert result.status == 1
    found: dict[str, str] = {}
    for block in result.output.split("VIOLATION after ")[1:]:
        spec, _, text = block.partition(" ")
        mistake = str(Spec.parse(spec).mistake)
        found[mistake] = found.get(mistake, "") + text
    return found


@pytest.mark.parametrize(("mistake", "invariant"), [(entry[0], entry[-1]) for entry in MISTAKES])
def test_a_mistake_is_found_out(findings: dict[str, str], mistake: str, invariant: Invariant) -> None:
    assert f"[{invariant}]" in findings[mistake]


def test_what_is_found_is_shown_again_by_the_command_that_is_printed() -> None:
    found = run_specs("17/2.60/journal-before:30,moment:200/unlock-everybody").output
    printed = re.search(r"python -m tests\.crash --times 10 (--only \S+)", found)
    assert printed, found
    again = command.run("--times", "2", *printed.group(1).split())
    assert again.status == 1
    assert "2 violations" in again.output
    assert "  | " in again.output  # the engines' log


@pytest.mark.parametrize(
    "text", ["0/2.96/none", "7/2.60/nova-late:3,moment:250", "0/2.96/schema:4/keep-locks"]
)
def test_a_specification_is_what_it_says(text: str) -> None:
    assert str(Spec.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0/2.96", "0/2.96/nova-before", "0/2.96/nova-sometime:3", "x/2.96/none"]
)
def test_a_wrong_specification_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Spec.parse(text)
