"""Healing the devcloud: a compute that the scheduler shuns is told once that it is enabled."""

from typing import Any

import pytest

from tools.devcloud.healing import Healing


class FakeCloud:
    """One host, which keeps the trait for so many looks."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self.admin = self
        self.settings = self
        self.hosts = ["compute1"]
        self.told: list[str] = []

    @staticmethod
    def now() -> str:
        return "2026-11-30T12:00:00"

    def request(self, _service: str, _method: str, path: str, **_query: Any) -> dict[str, Any]:
        if path.endswith("/traits"):
            self._looks -= 1
            return {"traits": ["COMPUTE_STATUS_DISABLED"] if self._looks >= 0 else []}
        return {"resource_providers": [{"uuid": "a"}]}

    def update_service(self, _host: str, status: str) -> None:
        self.told.append(status)


@pytest.mark.parametrize(
    ("looks", "told"), [(0, []), (1, ["disabled", "enabled"]), (5, ["disabled", "enabled"])]
)
def test_a_compute_is_told_once(looks: int, told: list[str]) -> None:
    cloud = FakeCloud(looks)
    healing = Healing(cloud)  # type: ignore[arg-type]
    assert [healing._are_offered() for _ in range(looks + 1)] == [False] * looks + [True]
    assert cloud.told == told
