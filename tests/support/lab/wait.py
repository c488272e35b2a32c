"""Waiting for events: a condition is polled until it holds or a deadline passes. Never a plain sleep."""

import os
import time

# Sanitizer builds are slower: the runner sets this factor, deadlines grow with it.
SLOW = float(os.environ.get("LAB_SLOW", "1"))


class Timeout(AssertionError):
    pass


class NotYet(Exception):
    """A condition may raise this with the reason why it does not hold yet."""


def until(condition, what, timeout=10.0, interval=0.02, alive=None):
    """Polls condition() until it returns something true, which is returned.

    `timeout` in seconds, stretched by LAB_SLOW. NotYet counts as "no". `alive`, if given, is called each
    round and may raise: a process that died will not fulfil anything.
    """
    deadline = time.monotonic() + timeout * SLOW
    reason = ""
    while True:
        try:
            value = condition()
            if value:
                return value
            reason = f"last value: {value!r}"
        except NotYet as no:
            reason = str(no)
        if alive is not None:
            alive()
        if time.monotonic() >= deadline:
            raise Timeout(f"{what}: not within {timeout * SLOW:.1f} s ({reason})")
        time.sleep(interval)


def holds(condition, what, seconds, interval=0.05):
    """The opposite: the condition must hold during all of `seconds` (not stretched)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"{what}: stopped holding")
        time.sleep(interval)
