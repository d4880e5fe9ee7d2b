"""Where the time goes."""

import time


class Stopwatch:
    """Seconds of each step, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        """End a step, and begin the next one."""
        now = time.perf_counter()
        self.seconds[step] = now - self._last
        self._last = now
