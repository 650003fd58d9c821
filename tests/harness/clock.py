"""A clock of a simulated cloud."""

from masakari_lite_simulator import Clock


class LeapingClock(Clock):
    """The machine's time, except that a test can let the cloud's future come at once."""

    def __init__(self) -> None:
        super().__init__()
        self._leapt = 0.0

    def now(self) -> float:
        return super().now() + self._leapt

    def leap(self, seconds: float) -> None:
        """Let that much time pass in the cloud, and none elsewhere."""
        self._leapt += seconds
