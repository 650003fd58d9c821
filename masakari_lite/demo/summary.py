"""What the demo tells in the end."""

from __future__ import annotations

import collections
import json

from rich.console import Console
from rich.markup import escape

from masakari_lite.demo.checks import Check, Evidence
from masakari_lite.models import JsonDict

_ENGINE_USER = "masakari"
_MOST_PROBLEMS = 5
_LABEL_WIDTH = 15
_LONGEST_TEXT = 180


def summarize(evidence: Evidence, checks: list[Check], user: JsonDict, requests: JsonDict) -> JsonDict:
    """Put together the summary.

    :param user: the owner's record of what she did
    :param requests: the simulator's counts of them
    """
    report = evidence.report
    hosts = [one["host_now"] for one in evidence.instances]
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
    """Write the summary for a person."""
    actions = summary["user_actions"]
    places = ", ".join(f"{count} on {host}" for host, count in summary["destinations"].items())
    rows = [
        ("recovered", _describe_recovered(summary)),
        ("where to", places or "nowhere"),
        ("how long", f"{summary['seconds']} s from the failure to the end of the last evacuation"),
        ("notification", f"{summary['notification']['status']}: {summary['notification']['message']}"),
        ("user actions", f"{actions['tried']} tried by the instances' owner"),
        ("  refused", f"{actions['refused_locked_by_us']} with 409, as the engine had locked the instance"),
        ("", f"{actions['refused_locked_by_owner']} with 409, as she had locked it herself"),
        ("", f"{actions['refused_otherwise']} as the instance's state did not allow it, or it was gone"),
        ("  passed", f"{actions['passed_before']} before the lock, {actions['passed_after']} after it"),
        ("", f"{actions['passed_while_locked']} while an instance was locked"),
        ("requests", f"{summary['engine_requests']} by the engine, {summary['engine_tokens']} for tokens"),
    ]
    console.print()
    for label, text in rows:
        short = text if len(text) < _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
        console.print(escape(f"{label:<{_LABEL_WIDTH}}{short}"), soft_wrap=True)
    console.print()
    _show_checks(summary["checks"], console)


def _describe_recovered(summary: JsonDict) -> str:
    others = []
    if summary["deleted_by_owner"]:
        others.append(f"their owner deleted {summary['deleted_by_owner']}")
    if summary["no_valid_host"]:
        others.append(f"Nova had no valid host for {summary['no_valid_host']}")
    note = f" ({', '.join(others)})" if others else ""
    return f"{summary['recovered']} of {summary['instances']} instances of {summary['host']}{note}"


def _show_checks(checks: list[JsonDict], console: Console) -> None:
    for check in checks:
        mark = "[green]holds[/green]" if check["holds"] else "[bold red]BROKEN[/bold red]"
        note = f" ({check['note']})" if check["note"] else ""
        console.print(f"{mark}  {escape(check['name'] + note)}", soft_wrap=True)
        problems = check["problems"]
        for problem in problems[:_MOST_PROBLEMS]:
            console.print(f"        {escape(problem)}", soft_wrap=True)
        if len(problems) > _MOST_PROBLEMS:
            console.print(f"        and {len(problems) - _MOST_PROBLEMS} more")


def dump(summary: JsonDict) -> str:
    """Write the summary for a machine."""
    return json.dumps(summary, indent=2)
