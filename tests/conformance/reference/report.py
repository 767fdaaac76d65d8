# SPDX-License-Identifier: Apache-2.0
"""One line for each check, at most 80 columns, and a last line that a script can read."""

from __future__ import annotations

import sys
import textwrap
import traceback
from collections.abc import Callable

WIDTH = 80


class Report:
    """Counts checks; a check that raises has failed, and the others still run."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def heading(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def say(self, text: str) -> None:
        for line in textwrap.wrap(text, WIDTH - 5) or [""]:
            print(f"     {line}", flush=True)

    def check(self, name: str, holds: bool, figures: str = "") -> bool:
        self.passed += bool(holds)
        self.failed += not holds
        line = f"{'ok  ' if holds else 'FAIL'} {name}" + (f": {figures}" if figures else "")
        print(line if len(line) <= WIDTH else line[: WIDTH - 3] + "...", flush=True)
        if not holds and len(line) > WIDTH:
            self.say(line)
        return holds

    def attempt(self, name: str, action: Callable[[], object]) -> None:
        """Runs `action`, which makes its own checks; an exception is one failed check named `name`."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is a failed check
            self.check(name, False, f"{type(error).__name__}")
            self.say(str(error))
            if not isinstance(error, RuntimeError):
                traceback.print_exc(file=sys.stderr)

    def finish(self) -> int:
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
