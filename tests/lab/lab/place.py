"""The work folder of one lab, and its ports.

A lab owns a block of ports. Its first port is bound for as long as the lab lives, so that two
labs that start at once never take the same block.
"""

import os
import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
REGION = "RegionOne"
# One throw-away password for all inside the lab: it listens on 127.0.0.1 only.
PASSWORD = "lab-secret"

# Below the range from which Linux takes ports for outgoing connections.
PORTS_FROM, PORTS_UNTIL, BLOCK = 22000, 32000, 40
NAMES = (
    "guard", "control", "mariadb", "epmd", "rabbitmq", "rabbitmq_dist", "keystone", "placement",
    "glance", "neutron", "nova", "cinder", "gnocchi", "influxdb", "influxdb_rpc", "cloudkitty",
    "billing", "aetos", "prometheus",
)


def _bind(port):
    """A socket bound to `port`, or None if someone has it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((HOST, port))
    except OSError:
        held.close()
        return None
    return held


class Place:
    """Where a lab lies: folders, ports, addresses."""

    def __init__(self, root):
        self.root = Path(root).resolve()
        self.log = self.root / "log"
        self.etc = self.root / "etc"
        self.data = self.root / "data"
        self.run = self.root / "run"
        self.ports = {}
        self._guard = None

    def make(self):
        """Create the folders, readable by this user only, and take a block of ports."""
        for folder in (self.root, self.log, self.etc, self.data, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        os.chmod(self.root, 0o700)
        blocks = list(range(PORTS_FROM, PORTS_UNTIL, BLOCK))
        random.shuffle(blocks)
        for base in blocks:
            guard = _bind(base)
            if guard is None:
                continue
            others = [_bind(base + offset) for offset in range(1, len(NAMES))]
            free = all(others)
            for other in filter(None, others):
                other.close()
            if free:
                self._guard = guard
                self.ports = {name: base + offset for offset, name in enumerate(NAMES)}
                return
            guard.close()
        raise SystemExit(f"no free block of ports on {HOST} between {PORTS_FROM} and {PORTS_UNTIL}")

    def address(self, name):
        """`host:port` of a service."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name, path=""):
        """The address of a service, as HTTP."""
        return f"http://{self.address(name)}{path}"

    @property
    def auth_url(self):
        """Keystone's address for services and people."""
        return self.url("keystone", "/v3")

    @property
    def rabbit_url(self):
        """The broker, as the services' own user."""
        return f"rabbit://lab:{PASSWORD}@{self.address('rabbitmq')}/"

    def database_url(self, name):
        """A service's database."""
        return f"mysql+pymysql://lab:{PASSWORD}@{self.address('mariadb')}/{name}?charset=utf8"
