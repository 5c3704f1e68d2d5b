"""Databases made once, and copied into each lab.

Making every service's tables takes a minute of processor time, and they are the same each time:
so the first start makes a MariaDB folder with all of them beside the virtualenv, named by what
went into it, and each lab begins with a copy. Nothing in it knows a lab's ports: Keystone's
catalogue is filled later, and Nova's cell finds broker and database by its configuration.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .place import PASSWORD, Place

DATABASES = ("keystone", "placement", "glance", "neutron", "nova", "nova_api", "nova_cell0",
             "cinder", "gnocchi", "cloudkitty")
# Hosts that Neutron believes to have a living Open vSwitch agent, so that ports can be bound:
# each start of nova-compute takes the next one.
COMPUTE_HOSTS = tuple(f"cmp{number}" for number in range(1, 33))


def is_root():
    """MariaDB refuses root unless told."""
    return os.geteuid() == 0


def folder(tools):
    """Where the databases lie, named by everything that shapes them."""
    here = Path(__file__).parent
    shape = hashlib.sha256()
    for path in (here.parent / "requirements.txt", here / "schema.py", here / "backing.py"):
        shape.update(path.read_bytes())
    shape.update(subprocess.run(["mariadbd", "--version"], capture_output=True).stdout)
    return Path(tools) / f"lab-databases-{shape.hexdigest()[:12]}"


async def ensure(tools, say):
    """The folder of databases, made if it is not there. Safe to call twice at once."""
    ready = folder(tools)
    with open(Path(tools) / "lab-databases.lock", "w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not ready.exists():
            say("making the databases (once)")
            for old in Path(tools).glob("lab-databases-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(prefix="billow-lab-schema.") as work:
                place = Place(work)
                place.make()
                await _make(place)
                made = Path(f"{ready}.new")
                shutil.rmtree(made, ignore_errors=True)
                for part in ("mariadb", "gnocchi"):
                    shutil.copytree(place.data / part, made / part)
                made.rename(ready)
    return ready


async def _make(place):
    """Start MariaDB on an empty folder, let each service make its tables, stop it."""
    from .backing import mariadb
    from .lab import Lab

    lab = Lab(place, [mariadb])
    processes = lab.processes
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={place.data / 'mariadb'}",
               "--auth-root-authentication-method=normal", "--skip-test-db",
               *(["--user=root"] if is_root() else [])]
    await processes.run("mariadb-install", install)
    # The lab's user and its databases, before there is anyone to sign in as.
    first = place.etc / "first.sql"
    first.write_text("".join(
        [f"CREATE DATABASE {name} CHARACTER SET utf8mb3;\n" for name in DATABASES]
        + [f"CREATE USER lab@'{host}' IDENTIFIED BY '{PASSWORD}';\n"
           f"GRANT ALL ON *.* TO lab@'{host}';\n" for host in ("%", "localhost")]
    ))
    try:
        lab.launch(mariadb, [f"--init-file={first}"])
        await lab.until_healthy(mariadb)
        at_once = asyncio.Semaphore(os.cpu_count() or 1)
        async with asyncio.TaskGroup() as group:
            for name, commands in _migrations(place).items():
                group.create_task(_migrate(processes, at_once, name, commands))
        _agents(place)
    finally:
        # In peace: what it has not written is lost to every lab.
        await processes.stop(["mariadb"], patience_seconds=60)


async def _migrate(processes, at_once, name, commands):
    async with at_once:
        for command in commands:
            await processes.run(f"{name}-schema", command)


def _migrations(place):
    """Each service's commands that make its tables, slowest first."""
    from .identity import key_repository
    from .service import program, write_ini

    def config(name, **sections):
        database = {"connection": place.database_url(name)}
        return write_ini(place.etc / f"{name}.conf", {"database": database} | sections)

    nova = config(
        "nova",
        DEFAULT={"transport_url": place.rabbit_url},
        api_database={"connection": place.database_url("nova_api")},
    )
    # It signs a token to itself; no lab takes these keys over.
    keys = {"key_repository": key_repository(place.data / "keys")}
    keystone = config("keystone", fernet_tokens=keys, fernet_receipts=keys, credential=keys)
    neutron = config("neutron", DEFAULT={"core_plugin": "ml2"})
    placement = write_ini(place.etc / "placement.conf", {
        "placement_database": {"connection": place.database_url("placement")},
    })
    storage = place.data / "gnocchi"
    for part in ("storage", "incoming"):
        (storage / part).mkdir(parents=True)
    gnocchi = write_ini(place.etc / "gnocchi.conf", {
        "indexer": {"url": place.database_url("gnocchi")},
        "storage": {"driver": "file", "file_basepath": storage / "storage"},
        "incoming": {"driver": "file", "file_basepath": storage / "incoming"},
    })
    manage = [program("nova-manage"), "--config-file", nova]
    # Nova fills the braces in from its configuration.
    template = "{scheme}://{username}:{password}@{hostname}:{port}"
    return {
        "nova": [
            [*manage, "api_db", "sync"],
            [*manage, "cell_v2", "map_cell0",
             "--database_connection", template + "/nova_cell0?{query}"],
            [*manage, "cell_v2", "create_cell", "--name", "cell1",
             "--database_connection", template + "/nova?{query}",
             "--transport-url", template + "/"],
            # The tables of both cells: cell0's address is known to it as its configuration's.
            [*manage, "db", "sync"],
        ],
        "keystone": [
            [program("keystone-manage"), "--config-file", keystone, "db_sync"],
            [program("keystone-manage"), "--config-file", keystone, "bootstrap",
             "--bootstrap-password", PASSWORD],
        ],
        "neutron": [
            [program("neutron-db-manage"), "--config-file", neutron, "upgrade", "head"],
        ],
        "cinder": [
            [program("cinder-manage"), "--config-file", config("cinder"), "db", "sync"],
        ],
        "glance": [
            [program("glance-manage"), "--config-file", config("glance"), "db_sync"],
        ],
        "gnocchi": [
            [program("gnocchi-upgrade"), "--config-file", gnocchi],
        ],
        "placement": [
            [program("placement-manage"), "--config-file", placement, "db", "sync"],
        ],
        "cloudkitty": [
            [program("cloudkitty-dbsync"), "--config-file", config("cloudkitty"), "upgrade"],
        ],
    }


def _agents(place):
    """Neutron's rows of the agents that no lab has: alive until the end of the century."""
    from .backing import connect

    with connect(place, "neutron") as database, database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO agents (id, agent_type, `binary`, topic, host, admin_state_up, created_at,"
            " started_at, heartbeat_timestamp, configurations, `load`) VALUES (UUID(),"
            " 'Open vSwitch agent', 'neutron-openvswitch-agent', 'N/A', %s, 1, NOW(), NOW(),"
            " '2099-01-01', '{\"tunnel_types\": [\"vxlan\"], \"tunneling_ip\": \"127.0.0.1\","
            " \"bridge_mappings\": {\"public\": \"br-ex\"}}', 0)",
            [(host,) for host in COMPUTE_HOSTS],
        )
