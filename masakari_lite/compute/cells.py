"""What Nova does not show: instances and hosts of a cell whose database does not answer.

Nova leaves them out of its lists, with status 200 ("Handling Down Cells" in its API guide; ``[api]
list_records_by_skipping_down_cells`` is true by default). Where the database answers at first and then no
more, or not within a minute, a list ends in the midst of a page, with no link to a next one. These answers
do tell (seen on Nova 34):

* a compute service in such a cell has the status UNKNOWN from microversion 2.69 on; before, it is left out;
* a server that is asked for by its uuid likewise, or it is 404 as if it were deleted; before 2.69 status 500;
* the servers of a hypervisor are read in one go from the cell of its host: all of them, or status 500. To
  find a hypervisor all cells are asked, so that another cell that is down makes it 500, too.
"""

import difflib
import re
from collections.abc import Callable, Sequence
from urllib import parse

from masakari_lite import exceptions
from masakari_lite.models import Instance, JsonDict

Fetch = Callable[[str, str], JsonDict]

_SIMILAR = 0.8
_HINTS = 3
_NAMED = 10
"""So many hosts are named in a message."""


def list_server_uuids(fetch: Fetch, host: str) -> set[str]:
    """Ask the hypervisors of a host for their servers (``GET /os-hypervisors``, 2.53).

    :param fetch: sends a GET request; takes what is asked for, in words, and the path
    :returns: all that Nova has on the host, soft-deleted ones, too
    :raises NovaError: when Nova does not answer, or shows no hypervisor of the host
    """
    # a hypervisor may have the full name where its host has the short one, and the other way round
    query = parse.urlencode({"hypervisor_hostname_pattern": _shorten(host)})
    found = fetch(f"find the hypervisor of {host}", f"/os-hypervisors?{query}")["hypervisors"]
    uuids: set[str] = set()
    is_shown = False
    for hypervisor in found:
        # the pattern finds compute-10, too
        if _shorten(hypervisor["hypervisor_hostname"]) == _shorten(host):
            path = f"/os-hypervisors/{hypervisor['id']}?with_servers=true"
            shown = fetch(f"show the servers of the hypervisor of {host}", path)["hypervisor"]
            if shown["service"]["host"] == host:
                is_shown = True
                # before microversion 2.75 there is no list when there is no server
                uuids |= {server["uuid"] for server in shown.get("servers", ())}
    if not is_shown:
        raise exceptions.NovaError(f"find the hypervisor of {host}: none is named after it")
    return uuids


def is_left_out(host: str, instance: Instance) -> bool:
    """Return whether a list of the host's instances should have had this one; it has no soft-deleted ones."""
    return instance.host == host and instance.vm_state != "soft-delete"


def describe_down_cells(hosts: Sequence[str]) -> str:
    """Describe hosts whose cells do not answer."""
    names = ", ".join(sorted(hosts)[:_NAMED]) + (" ..." if len(hosts) > _NAMED else "")
    return (
        f"{len(hosts)} hosts are in cells whose databases do not answer Nova: {names}; until they do, these "
        "cannot be recovered, and left locks there are not seen"
    )


def explain_unknown_host(host: str, hosts: Sequence[str], is_complete: bool) -> exceptions.NovaError:
    """Build the error for a host that has no compute service.

    :param hosts: those that have one
    :param is_complete: whether the services of cells that do not answer are among them
    """
    message = f"Nova has no nova-compute service on a host named {host!r}"
    similar = " or ".join(find_similar(host, hosts))
    hint = f"did you mean {similar}?" if similar else "'openstack compute service list' shows the names"
    if not is_complete:
        return exceptions.CellUnavailable(
            f"{message}, or the database of its cell does not answer (Nova does not tell which); {hint}"
        )
    return exceptions.ComputeServiceNotFound(f"{message}; {hint}")


def find_similar(host: str, hosts: Sequence[str]) -> list[str]:
    """Find the hosts that may be meant by another name.

    First those that are the same in another case, or with or without a domain; else such as look like it. To
    name a host with another number would lead to the wrong one.
    """
    same = [known for known in hosts if _shorten(known) == _shorten(host)]
    numbered = [known for known in hosts if _find_numbers(known) == _find_numbers(host)]
    return (same or difflib.get_close_matches(host, numbered, _HINTS, _SIMILAR))[:_HINTS]


def _find_numbers(host: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", host)]


def _shorten(host: str) -> str:
    """Take the domain off a name, not the end off an address."""
    short = host.lower().partition(".")[0]
    return host if short.isdecimal() else short
