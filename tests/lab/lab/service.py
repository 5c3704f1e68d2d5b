"""What a service is, and the parts of configuration they share."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .place import PASSWORD, REGION

BIN = Path(sys.executable).parent
SITE = next(Path(sys.prefix).glob("lib/python3*/site-packages"))
SHIPPED = Path(sys.prefix) / "etc"


def nothing(lab):
    """A step that needs no work."""


@dataclass(frozen=True)
class Service:
    """One service of the lab.

    `needs` are the services that must be healthy before it starts. `prepare` writes its
    configuration; `processes` names its commands, each `(command, environment)`, anew at each
    start; `healthy` raises `NotYet` until the service does its work, asked the way a client
    would (it blocks, and runs in a thread); `after` makes what it needs once it is healthy.
    All take the lab.
    """

    name: str
    needs: tuple[str, ...]
    prepare: Callable[["Lab"], None]
    processes: Callable[["Lab"], dict]
    healthy: Callable[["Lab"], None]
    after: Callable[["Lab"], None] = nothing
    # Ended after all others: the broker and the databases.
    backing: bool = False


class NotYet(Exception):
    """A service that is not healthy yet, and why."""


def program(name):
    """A command of the virtualenv."""
    return str(BIN / name)


def write_ini(path, sections):
    """Write a configuration file from `{section: {key: value}}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            lines.append(f"{key} = {text}")
        lines.append("")
    path.write_text("\n".join(lines))
    return path


def credentials(place, user):
    """How a service signs in to Keystone for itself."""
    return {
        "auth_type": "password",
        "auth_url": place.auth_url,
        "username": user,
        "password": PASSWORD,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "project_name": "service",
        "region_name": REGION,
    }


def checks_tokens(place, user):
    """How a service checks its callers' tokens."""
    return {
        "keystone_authtoken": credentials(place, user)
        | {
            "www_authenticate_uri": place.auth_url,
            "interface": "internal",
            "service_token_roles": "service",
            "service_token_roles_required": True,
        }
    }


def sends_notifications(place):
    """Notifications to RabbitMQ, on the exchanges and topics that oslo.messaging has by default."""
    return {
        "oslo_messaging_notifications": {
            "driver": "messagingv2",
            "transport_url": place.rabbit_url,
        },
        **rabbit_client(),
    }


def rabbit_client():
    """Options of every client of the broker."""
    return {"oslo_messaging_rabbit": {"rabbit_quorum_queue": False, "heartbeat_in_pthread": False}}


def locks(place, name):
    """Where oslo.concurrency keeps its lock files."""
    folder = place.data / name / "lock"
    folder.mkdir(parents=True, exist_ok=True)
    return {"oslo_concurrency": {"lock_path": folder}}


def wsgi(place, name, module, threads, arguments=""):
    """uWSGI serving one WSGI application: one process, so that its caches are one."""
    command = [
        program("uwsgi"),
        "--http-socket", place.address(name),
        "--module", module,
        "--threads", threads,
        "--enable-threads",
        "--need-app",
        "--die-on-term",
        "--buffer-size", 65535,
        "--http-chunked-input",
        "--wsgi-disable-file-wrapper",
        "--disable-logging",
        # It closes after each answer though it speaks HTTP/1.1: say so, or clients that keep
        # connections meet a reset now and then.
        "--add-header", "Connection: close",
    ]
    if arguments:
        command += ["--pyargv", arguments]
    return command
