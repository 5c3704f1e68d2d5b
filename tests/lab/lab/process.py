"""Child processes that never outlive the lab.

Each service is a session of its own, so that its whole group can be ended. The supervisor is a
"subreaper": whatever a service leaves behind becomes its child and is ended with it. Should the
supervisor itself be killed, the kernel kills its children (PR_SET_PDEATHSIG); theirs watch their
parents themselves (uWSGI, oslo.service and cotyledon each do).
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)


def become_subreaper():
    """Adopt the orphans among our descendants."""
    if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def started_ticks(pid):
    """When a process began, in clock ticks since boot: tells a process from a later one with its
    number. None if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def children():
    """Ids of our direct children, zombies too."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in text.split()]


def group_memory(session):
    """Proportional memory of all processes of a session, in bytes."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(folder.name)) != session:
                continue
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


class Died(Exception):
    """A process ended that should run on; says where its log is."""


class Processes:
    """The running children by name."""

    def __init__(self, place):
        self.place = place
        self.running = {}

    def log(self, name):
        """The log of one process."""
        return self.place.log / f"{name}.log"

    def tail(self, name, lines=15):
        """The last lines of a log, for error messages."""
        try:
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _spawn(self, name, command, environment):
        parent = os.getpid()

        def child():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        # The kernel ties the child to the thread that made it: only the main thread may.
        with open(self.log(name), "ab") as log:
            return subprocess.Popen(
                [str(part) for part in command],
                cwd=self.place.data,
                env={**os.environ, **{key: str(value) for key, value in environment.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=child,
            )

    def start(self, name, command, environment=None):
        """Start a service's process, unless it runs."""
        if not self.alive(name):
            self.running[name] = self._spawn(name, command, environment or {})

    def alive(self, name):
        """Does it run?"""
        process = self.running.get(name)
        return process is not None and process.poll() is None

    def assert_alive(self, name):
        """Raise with the log's end if it does not run."""
        if not self.alive(name):
            process = self.running.get(name)
            status = process.returncode if process else "never started"
            raise Died(f"{name} ended ({status}); {self.log(name)} ends:\n{self.tail(name)}")

    async def run(self, name, command, environment=None):
        """Run a command to its end; raise with its output's end if it fails."""
        process = self._spawn(name, command, environment or {})
        self.running[name] = process
        try:
            while process.poll() is None:
                await asyncio.sleep(0.05)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            self.running.pop(name, None)
        if process.returncode != 0:
            raise Died(
                f"{name}: {command[0]} ended with {process.returncode}; {self.log(name)} ends:\n"
                f"{self.tail(name)}"
            )

    async def stop(self, names, patience_seconds=10):
        """End processes: TERM to all at once, KILL to what is left of their groups."""
        chosen = [(name, self.running[name]) for name in names if name in self.running]
        for _, process in chosen:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        until = time.monotonic() + patience_seconds
        while any(process.poll() is None for _, process in chosen) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        for name, process in chosen:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            self.running.pop(name, None)

    def signal(self, names, number):
        """Send a signal to processes and all of their groups."""
        for name in names:
            if self.alive(name):
                os.killpg(self.running[name].pid, number)

    def reap(self):
        """Collect orphans that ended."""
        known = {process.pid for process in self.running.values()}
        for pid in children():
            if pid not in known:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass

    def kill_orphans(self):
        """End whatever still descends from us, until nothing does."""
        for _ in range(100):
            left = children()
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass
