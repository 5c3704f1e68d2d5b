"""One lab: its place, its processes, and how its services come up and go down."""

import asyncio
import signal
import time

from .api import Refused, Session, by_password, project_scope
from .place import PASSWORD, REGION
from .process import Died, Processes
from .service import NotYet

# How long a service's health may take, on a machine that is busy with other things.
PATIENCE_SECONDS = 300


class Lab:
    """What the services' functions are given."""

    def __init__(self, place, services=(), databases=None):
        self.place = place
        self.processes = Processes(place)
        self.services = {service.name: service for service in services}
        # The folder of databases to begin with (`schema`).
        self.databases = databases
        # How often nova-compute was started: each start is a new host.
        self.computes = 0
        # Whether Keystone has its catalogue and the services' users.
        self.catalogued = False
        self._began = time.monotonic()
        self._names = {}
        self._admin = None

    def say(self, text):
        """A line for the lab's log."""
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def admin(self):
        """The cloud's administrator; `NotYet` until Keystone is filled."""
        if not self.catalogued:
            raise NotYet("Keystone has no catalogue yet")
        if self._admin is None:
            body = by_password("admin", PASSWORD, "Default", project_scope("admin", "Default"))
            self._admin = Session(self.place.auth_url, body, REGION)
        return self._admin

    async def up(self):
        """Bring all services up, each as soon as what it needs is healthy."""
        ready = {name: asyncio.Event() for name in self.services}

        async def bring(service):
            for need in service.needs:
                await ready[need].wait()
            await asyncio.to_thread(service.prepare, self)
            await self.start(service.name)
            await asyncio.to_thread(service.after, self)
            self.say(f"{service.name} is healthy")
            ready[service.name].set()

        async with asyncio.TaskGroup() as group:
            for service in self.services.values():
                group.create_task(bring(service))

    async def start(self, name):
        """Start a service's processes and wait for its health."""
        service = self.services[name]
        self.launch(service)
        await self.until_healthy(service)

    def launch(self, service, extra=()):
        """Start a service's processes; `extra` is added to their commands."""
        commands = service.processes(self)
        self._names[service.name] = list(commands)
        for name, (command, environment) in commands.items():
            self.processes.start(name, [*command, *extra], environment)

    async def until_healthy(self, service):
        """Wait for a service; raise if one of its processes ends, or if patience does."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            for name in self._names[service.name]:
                self.processes.assert_alive(name)
            try:
                return await asyncio.to_thread(service.healthy, self)
            except (NotYet, Refused, OSError) as reason:
                if time.monotonic() > until:
                    raise Died(
                        f"{service.name} is not healthy after {PATIENCE_SECONDS} s: {reason}"
                    ) from None
            await asyncio.sleep(0.25)

    async def stop(self, name):
        """End a service's processes."""
        await self.processes.stop(self._names.get(name, []))

    async def pause(self, name):
        """Let a service's processes stand still: they take calls and answer none."""
        self.processes.signal(self._names.get(name, []), signal.SIGSTOP)

    async def resume(self, name):
        """Let them go on."""
        self.processes.signal(self._names.get(name, []), signal.SIGCONT)

    def states(self):
        """`{service: {process: running?}}`."""
        return {
            service: {name: self.processes.alive(name) for name in names}
            for service, names in self._names.items()
        }

    async def down(self):
        """End everything: the services first, then what they stand on."""
        for backing in (False, True):
            await self.processes.stop([
                name
                for service, names in self._names.items()
                for name in names
                if self.services[service].backing == backing
            ])
        # A command that was under way, such as a migration.
        await self.processes.stop(list(self.processes.running), patience_seconds=0)
        self.processes.kill_orphans()
