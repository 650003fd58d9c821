"""Where the claims are kept, and which configurations could give one host to two engines."""

import pathlib
from collections.abc import Callable

import pytest
from oslo_config import cfg

from masakari_lite import conf as options
from masakari_lite import exceptions
from masakari_lite.coordination import backends, filesystems

SERVER = "mysql+pymysql://masakari:secret@controller/masakari"
MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:20 / /var/lib rw,nosuid shared:5 - xfs /dev/sdb rw
24 23 0:21 /export /var/lib/masakari rw shared:6 master:2 - {kind} server:/export rw
25 22 0:22 / /srv/my\\040share rw - nfs4 server:/srv rw
"""


@pytest.fixture
def load(tmp_path: pathlib.Path) -> Callable[..., cfg.ConfigOpts]:
    """Make a configuration: load([database] connection, [coordination] backend_url)."""

    def make(connection: str | None = None, url: str | None = None) -> cfg.ConfigOpts:
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        path = tmp_path / "masakari.conf"
        path.write_text("" if url is None else f"[coordination]\nbackend_url = {url}\n")
        conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
        if connection:
            conf.set_override("connection", connection, "database")
        return conf

    return make


@pytest.fixture
def mount(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let /var/lib/masakari be on that kind of file system."""

    def make(kind: str) -> None:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(MOUNTS.format(kind=kind))
        monkeypatch.setattr(filesystems, "_MOUNTS", mounts)

    return make


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (None, "file:///var/lib/masakari/claims"),
        ("sqlite:////srv/masakari.sqlite", "file:///var/lib/masakari/claims"),
        (SERVER, "journal://"),
        ("mysql://masakari:secret@controller/masakari?ssl_ca=/etc/ssl/ca.pem", "journal://"),
        ("postgresql+pg8000://masakari:p%40ss@[2001:db8::1]/masakari", "journal://"),
    ],
)
def test_what_is_not_chosen_depends_on_the_journal(
    load: Callable[..., cfg.ConfigOpts], connection: str | None, url: str, nothing: str | None
) -> None:
    assert backends.find_url(load(connection, nothing)) == url


def test_what_is_chosen_is_taken(load: Callable[..., cfg.ConfigOpts]) -> None:
    conf = load(SERVER, "redis://:secret@controller:6379")
    assert backends.find_url(conf) == "redis://:secret@controller:6379"
    assert backends.describe(conf) == "redis://controller:6379 ([coordination] backend_url)"


def test_the_journals_database_is_named_by_its_option(load: Callable[..., cfg.ConfigOpts]) -> None:
    assert backends.describe(load(SERVER)) == "the journal's database ([database] connection)"


@pytest.mark.parametrize("url", ["file:///var/lib/masakari/claims", "ipc://"])
def test_one_machines_claims_beside_a_servers_journal_are_the_operators_word(
    load: Callable[..., cfg.ConfigOpts], caplog: pytest.LogCaptureFixture, url: str
) -> None:
    backends.check(load(SERVER, url))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "engines of other machines must not use the same journal" in record.getMessage()


@pytest.mark.parametrize(
    ("connection", "url"), [(SERVER, None), (SERVER, "redis://controller"), (None, None), (None, "ipc://")]
)
def test_what_is_safe_is_not_spoken_of(
    load: Callable[..., cfg.ConfigOpts],
    caplog: pytest.LogCaptureFixture,
    connection: str | None,
    url: str | None,
) -> None:
    backends.check(load(connection, url))
    assert not caplog.records


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "ceph", "fuse.glusterfs"])
def test_a_file_that_other_machines_may_use_is_refused(
    load: Callable[..., cfg.ConfigOpts], mount: Callable[[str], None], kind: str
) -> None:
    mount(kind)
    with pytest.raises(
        exceptions.ConfigurationError,
        match=rf"^\[database\] connection: /var/lib/masakari/masakari.sqlite is .*\({kind}\).*backend_url = ",
    ):
        backends.check(load())


@pytest.mark.parametrize("kind", ["ext4", "xfs", "tmpfs", "overlay", "fuse.lxcfs", "9p"])
def test_a_file_of_this_machine_is_not(
    load: Callable[..., cfg.ConfigOpts], mount: Callable[[str], None], kind: str
) -> None:
    mount(kind)
    backends.check(load())


def test_nor_one_of_which_the_operator_says_that_one_machine_uses_it(
    load: Callable[..., cfg.ConfigOpts], mount: Callable[[str], None]
) -> None:
    mount("nfs4")
    backends.check(load(url="file:///run/masakari/claims"))
    backends.check(load(SERVER))


def test_a_directory_with_a_blank_is_found(mount: Callable[[str], None]) -> None:
    mount("xfs")
    assert filesystems.find_network_filesystem("/srv/my share/masakari.sqlite") == "nfs4"
    assert filesystems.find_network_filesystem("/srv/mine") is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://masakari:secret@controller/masakari", "leave backend_url unset"),
        ("zake://", "no other engine sees them"),
    ],
)
def test_what_cannot_be_safe_is_refused(load: Callable[..., cfg.ConfigOpts], url: str, said: str) -> None:
    with pytest.raises(exceptions.ConfigurationError, match=said) as caught:
        backends.build(load(SERVER, url), "engine")
    assert "secret" not in str(caught.value)
