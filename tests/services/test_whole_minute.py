"""Nova, or Keystone, in trouble for a whole minute in mid-recovery (see minute.py)."""

import pytest

from tests.services.minute import TROUBLES, Minute


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", TROUBLES)
def test_in_mid_recovery(minute: Minute, name: str) -> None:
    scene = minute.wait_for(name)
    assert not scene.error, f"{scene.error!r}\n{scene.stage.process.output}"
    scene.stage.assert_ended_well()
    # each request is logged once, however often it is sent, and that it is repeated
    scene.stage.assert_said_once()
    logged = [line for line in scene.stage.process.output.splitlines() if " WARNING " in line]
    assert logged
    assert all("; repeating the request" in line for line in logged), logged
    # with back-off: a few requests a green thread in the whole minute
    assert scene.hits < 100
