"""The summary of the demo."""

from __future__ import annotations

import collections
import json

from rich.console import Console
from rich.text import Text

from masakari_lite import printable
from masakari_lite.models import JsonDict
from masakari_lite_demo.checks import Check, Evidence

_ENGINE_USER = "masakari"
_MOST_PROBLEMS = 5
_LABEL_WIDTH = 15
_LONGEST_TEXT = 180


def summarize(evidence: Evidence, checks: list[Check], user: JsonDict, requests: JsonDict) -> JsonDict:
    """Build the summary.

    :param user: the record of the owner's actions
    :param requests: the simulator's counts of requests
    """
    report = evidence.report
    hosts = [instance["host_now"] for instance in evidence.instances]
    destinations = collections.Counter(host for host in hosts if host and host != evidence.host)
    return {
        "ok": all(check.holds for check in checks),
        "host": evidence.host,
        "instances": len(hosts),
        "recovered": destinations.total(),
        "destinations": dict(sorted(destinations.items())),
        "left_behind": hosts.count(evidence.host),
        "deleted_by_owner": hosts.count(None),
        "no_valid_host": len(evidence.failing),
        "seconds": round(report["recovery_time"] or 0.0, 1),
        "notification": {
            name: evidence.notification[name] for name in ("notification_uuid", "status", "message")
        },
        "user_actions": _count_user_actions(report, user),
        "engine_requests": sum(requests["by_user"].get(_ENGINE_USER, {}).values()),
        "engine_tokens": report["tokens_issued"].get(_ENGINE_USER, 0),
        "checks": [
            {"name": check.name, "holds": check.holds, "note": check.note, "problems": check.problems}
            for check in checks
        ],
    }


def _count_user_actions(report: JsonDict, user: JsonDict) -> JsonDict:
    phases = report["owner_actions"]
    before, locked, after = (phases[phase] for phase in ("before_lock", "while_locked", "after_lock"))
    return {
        "tried": user.get("tried", 0),
        "refused_locked_by_us": locked["refused_locked"],
        "refused_locked_by_owner": before["refused_locked"] + after["refused_locked"],
        "refused_otherwise": before["refused"] + locked["refused"] + after["refused"],
        "passed_before": before["passed"],
        "passed_while_locked": locked["passed"],
        "passed_after": after["passed"],
        "instances_changed": len({action["instance_uuid"] for action in user["passed_actions"]}),
    }


def show(summary: JsonDict, console: Console) -> None:
    """Print the summary as text."""
    actions = summary["user_actions"]
    places = ", ".join(f"{count} on {host}" for host, count in summary["destinations"].items())
    rows = [
        ("recovered", _describe_recovered(summary)),
        ("destinations", places or "none"),
        ("duration", f"{summary['seconds']} s from the failure to the last completed evacuation"),
        ("notification", f"{summary['notification']['status']}: {summary['notification']['message']}"),
        ("user actions", f"{actions['tried']} requested by the instances' owner"),
        ("  refused", f"{actions['refused_locked_by_us']} with 409: locked by the engine"),
        ("", f"{actions['refused_locked_by_owner']} with 409: locked by the owner"),
        ("", f"{actions['refused_otherwise']} for other reasons: the instance's state, or it was deleted"),
        (
            "  passed",
            f"{actions['passed_before']} before the engine's lock, {actions['passed_after']} after it",
        ),
        ("", f"{actions['passed_while_locked']} while the engine had locked the instance"),
        ("requests", f"{summary['engine_requests']} by the engine, {summary['engine_tokens']} for tokens"),
    ]
    console.print()
    for label, text in rows:
        short = text if len(text) < _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
        console.print(_plain(f"{label:<{_LABEL_WIDTH}}{short}"), soft_wrap=True)
    console.print()
    _show_checks(summary["checks"], console)


def _describe_recovered(summary: JsonDict) -> str:
    others = []
    if summary["deleted_by_owner"]:
        others.append(f"{summary['deleted_by_owner']} deleted by their owner")
    if summary["no_valid_host"]:
        others.append(f"no valid host for {summary['no_valid_host']}")
    note = f" ({', '.join(others)})" if others else ""
    return f"{summary['recovered']} of {summary['instances']} instances of {summary['host']}{note}"


def _show_checks(checks: list[JsonDict], console: Console) -> None:
    for check in checks:
        mark = ("holds", "green") if check["holds"] else ("BROKEN", "bold red")
        note = f" ({check['note']})" if check["note"] else ""
        console.print(Text.assemble(mark, "  ", _plain(check["name"] + note)), soft_wrap=True)
        problems = check["problems"]
        for problem in problems[:_MOST_PROBLEMS]:
            console.print(_plain(f"        {problem}"), soft_wrap=True)
        if len(problems) > _MOST_PROBLEMS:
            console.print(f"        and {len(problems) - _MOST_PROBLEMS} more")


def _plain(text: str) -> Text:
    return Text(printable.escape(text))


def dump(summary: JsonDict) -> str:
    """Return the summary as JSON."""
    return json.dumps(summary, indent=2)
