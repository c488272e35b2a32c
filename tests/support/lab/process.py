"""A child process whose output goes to a file that can be searched."""

import os
import re
import signal
import subprocess

from . import wait


class Died(AssertionError):
    pass


class Process:
    """Starts `argv`. Output (stdout and stderr) goes to `log_path`.

    must_live: wait conditions of the lab fail at once when it is gone.
    """

    def __init__(self, name, argv, log_path, env=None, must_live=True, cwd=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log_path = log_path
        self.must_live = must_live
        full_env = dict(os.environ)
        full_env.update(env or {})
        with open(log_path, "wb") as log:
            # A session of its own: Ctrl-C is for us, and we stop our children in order.
            self._popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, env=full_env, cwd=cwd,
                                           start_new_session=True)

    @property
    def pid(self):
        return self._popen.pid

    def poll(self):
        return self._popen.poll()

    def check_alive(self):
        status = self.poll()
        if status is not None and self.must_live:
            raise Died(f"{self.name} ended with status {status}; its log ends:\n{self.tail()}")

    def log(self):
        with open(self.log_path, "r", encoding="utf-8", errors="replace") as log:
            return log.read()

    def tail(self, lines=30):
        return "\n".join("    " + line for line in self.log().splitlines()[-lines:])

    def wait_log(self, pattern, timeout=10.0):
        """Waits until a line matches `pattern` (re.search) and returns the match."""
        regex = re.compile(pattern, re.MULTILINE)
        return wait.until(lambda: regex.search(self.log()), f"{self.name} logs /{pattern}/",
                          timeout, alive=self.check_alive)

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """kill -9, as a crash would."""
        self.must_live = False
        self.send_signal(signal.SIGKILL)
        return self._popen.wait()

    def stop(self, number=signal.SIGTERM, timeout=15.0):
        """Asks it to end, waits, returns its exit status. Raises when it does not end."""
        self.must_live = False
        self.send_signal(number)
        try:
            return self._popen.wait(timeout * wait.SLOW)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
            self._popen.wait()
            raise AssertionError(f"{self.name} did not end within {timeout * wait.SLOW:.0f} s of "
                                 f"signal {number}; its log ends:\n{self.tail()}") from None


def run(argv, check=True, timeout=30.0, env=None, input_text=None):
    """Runs to the end; returns CompletedProcess with text output. Raises with the output on failure."""
    full_env = dict(os.environ)
    full_env.update(env or {})
    result = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, errors="replace", env=full_env,
                            input=input_text, timeout=timeout * wait.SLOW, check=False)
    if check and result.returncode != 0:
        raise AssertionError(f"`{' '.join(map(str, argv))}` ended with status {result.returncode}\n"
                             f"{result.stdout}{result.stderr}")
    return result
