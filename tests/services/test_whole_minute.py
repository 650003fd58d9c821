"""Nova, or Keystone, in trouble for a whole minute in mid-recovery (see minute.py)."""

import pytest

from tests.services.minute import TROUBLES, Minute


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", TROUBLES)
def test_in_mid_recovery(minute: Minute, name: str) -> None:
    scene = minute.wait_for(name)
    assert not scene.error, f"{scene.error!r}\n{scene.stage.process.output}"
    scene.stage.assert_ended_well()
    # a second's work that comes again and again is begun in each of these minutes, and waits for its end
    scene.stage.assert_said_once("list the locked instances")
    # each request is told once, however often it is sent, and that it will be
    told = [line for line in scene.stage.process.output.splitlines() if " WARNING " in line]
    assert all("; will be repeated" in line for line in told), told
    # with back-off: a few requests a green thread in the whole minute
    assert scene.hits < 100
