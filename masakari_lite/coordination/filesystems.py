"""On which kind of file system a file is."""

import os
import pathlib
import re

_MOUNTS = pathlib.Path("/proc/self/mountinfo")
# whose files several machines may have open at once, with locks that SQLite cannot rely on
_OF_SEVERAL_MACHINES = re.compile(
    r"(nfs4?|cifs|smb3|smbfs|ceph|afs|gfs2?|ocfs2|lustre|gpfs|beegfs|glusterfs|orangefs|pvfs2"
    r"|fuse\.(ceph|ceph-fuse|glusterfs|sshfs|juicefs|s3fs|mfs|moosefs|rclone))"
)


def find_network_filesystem(path: str | os.PathLike[str]) -> str | None:
    """Return the kind of the file system that has a file, where it is one that other machines may mount too.

    :param path: the file, or one that is to be made
    :returns: the kind as /proc has it, None for a local one, and where there is no /proc
    """
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return None
    mounts = dict(_read_mount(line) for line in lines)  # of two on one directory the later one counts
    place = pathlib.Path(os.path.realpath(path))
    for directory in (place, *place.parents):
        if kind := mounts.get(str(directory)):
            return kind if _OF_SEVERAL_MACHINES.fullmatch(kind) else None
    return None


def _read_mount(line: str) -> tuple[str, str]:
    """Read a mount's directory and kind; a dash ends the optional fields before the kind."""
    before, _dash, after = line.partition(" - ")
    directory = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), before.split()[4])
    return directory, after.split()[0]
