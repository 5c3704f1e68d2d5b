"""`python -m lab.supervisor FOLDER`: one lab from its start until SIGTERM or SIGINT.

When all is up and filled, `FOLDER/lab.json` tells where it is and who may sign in, and
`FOLDER/openrc` the same to a shell; both appear at once, whole. With `LAB_OWNER=PID` the lab
ends when that process does.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from . import backing, compute, control, identity, network, schema, storage, telemetry, world
from .lab import Lab
from .place import PASSWORD, REGION, Place
from .process import Died, become_subreaper, started_ticks

SERVICES = (
    backing.mariadb, backing.rabbitmq, identity.keystone, compute.placement, storage.glance,
    network.neutron, compute.nova, compute.compute, storage.cinder, telemetry.gnocchi,
    telemetry.aetos,
)


def facts(lab, filled):
    """What `lab.json` says."""
    place = lab.place

    def account(user, project=None, domain="Default"):
        return {"user": user, "password": PASSWORD, "project": project, "domain": domain}

    people = {
        person: account(person, name, tenant["domain"])
        for name, tenant in filled["tenants"].items()
        for person in tenant["users"]
    }
    return {
        "auth_url": place.auth_url,
        "region": REGION,
        "admin": account("admin", "admin"),
        "billow": account("billow", "service"),
        "people": people | {"reseller-user": account("reseller-user", None, "reseller")},
        "amqp": f"amqp://billow:{PASSWORD}@{place.address('rabbitmq')}/%2F",
        "control": place.url("control"),
        "billing": place.url("billing"),
        "prometheus": place.url("prometheus"),
        "folder": str(place.root),
        **filled,
    }


def openrc(known):
    """The administrator's variables, for the `openstack` command."""
    admin = known["admin"]
    values = {
        "OS_AUTH_URL": known["auth_url"], "OS_USERNAME": admin["user"],
        "OS_PASSWORD": admin["password"], "OS_PROJECT_NAME": admin["project"],
        "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": known["region"], "OS_IDENTITY_API_VERSION": 3,
    }
    return "".join(f"export {name}={value}\n" for name, value in values.items())


def publish(path, text):
    """Write a file that appears whole."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


async def _owner_ended(pid):
    began = started_ticks(pid)
    while began is not None and started_ticks(pid) == began:
        await asyncio.sleep(0.5)


async def live(folder, tools):
    """Up, wait, down."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    waits = [asyncio.create_task(ended.wait())]
    if os.environ.get("LAB_OWNER"):
        waits.append(asyncio.create_task(_owner_ended(int(os.environ["LAB_OWNER"]))))
    place = Place(folder)
    place.make()
    lab = Lab(place, SERVICES)
    bring = asyncio.create_task(_bring(lab, tools))
    try:
        done, _ = await asyncio.wait([bring, *waits], return_when=asyncio.FIRST_COMPLETED)
        if bring in done:
            bring.result()
            while not any(wait.done() for wait in waits):
                await asyncio.wait(waits, timeout=2, return_when=asyncio.FIRST_COMPLETED)
                lab.processes.reap()
    finally:
        bring.cancel()
        await asyncio.wait([bring])
        lab.say("ending")
        await lab.down()
        lab.say("ended")


async def _bring(lab, tools):
    lab.databases = await schema.ensure(tools, lab.say)
    await lab.up()
    known = facts(lab, await asyncio.to_thread(world.fill, lab))
    lab.server = await control.serve(lab)
    publish(lab.place.root / "openrc", openrc(known))
    publish(lab.place.root / "lab.json", json.dumps(known, indent=1) + "\n")
    lab.say("up")


def main():
    """The command."""
    reads = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reads.add_argument("folder", type=Path)
    reads.add_argument("--tools", type=Path, default=Path(sys.prefix).parent)
    given = reads.parse_args()
    become_subreaper()
    try:
        asyncio.run(live(given.folder, given.tools))
    except* Died as group:
        sys.exit("\n".join(str(error) for error in group.exceptions))


if __name__ == "__main__":
    main()
