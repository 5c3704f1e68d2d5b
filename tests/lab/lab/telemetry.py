"""Gnocchi, with the resource types and archive policies that Ceilometer makes in it, and Aetos,
which speaks for a Prometheus. No Prometheus runs: who needs one starts it where Aetos looks."""

import subprocess

from .api import http
from .place import HOST
from .service import (
    SITE, NotYet, Service, checks_tokens, credentials, program, wsgi, write_ini,
)

# Ceilometer's own program retries for ever when Gnocchi refuses it.
UPGRADE_SECONDS = 180


def prepare(lab):
    """Configuration. Measures are worked in within a second of their arrival."""
    place = lab.place
    folder, data = place.etc / "gnocchi", place.data / "gnocchi"
    paste = folder / "api-paste.ini"
    (data / "locks").mkdir(parents=True, exist_ok=True)
    config = write_ini(folder / "gnocchi.conf", {
        "DEFAULT": {"coordination_url": f"file://{data / 'locks'}", "parallel_operations": 2},
        "api": {"auth_mode": "keystone", "paste_config": paste, "max_limit": 1000},
        "indexer": {"url": place.database_url("gnocchi")},
        "storage": {"driver": "file", "file_basepath": data / "storage"},
        "incoming": {"driver": "file", "file_basepath": data / "incoming"},
        "metricd": {
            "workers": 1,
            "metric_processing_delay": 1,
            "metric_cleanup_delay": 30,
            "metric_reporting_delay": -1,
            "greedy": True,
        },
        **checks_tokens(place, "gnocchi"),
    })
    # The shipped one makes the check of tokens look for gnocchi.conf in /etc.
    project = "oslo_config_project = gnocchi"
    shipped = (SITE / "gnocchi" / "rest" / "api-paste.ini").read_text()
    paste.write_text(shipped.replace(project, f"{project}\noslo_config_file = {config}"))
    write_ini(place.etc / "ceilometer" / "ceilometer.conf", {
        "DEFAULT": {"transport_url": place.rabbit_url},
        "service_credentials": credentials(place, "ceilometer") | {"interface": "internalURL"},
    })


def processes(lab):
    """The API and the worker."""
    config = lab.place.etc / "gnocchi" / "gnocchi.conf"
    api = wsgi(lab.place, "gnocchi", "gnocchi.wsgi.api", 6, f"--config-file {config}")
    return {
        "gnocchi-api": (api, {}),
        "gnocchi-metricd": ([program("gnocchi-metricd"), "--config-file", config], {}),
    }


def make_types(lab):
    """Resource types (instance, volume, network, …) and archive policies."""
    config = lab.place.etc / "ceilometer" / "ceilometer.conf"
    if any(kind["name"] == "instance" for kind in lab.admin().get("metric", "/v1/resource_type")):
        return
    with open(lab.processes.log("ceilometer-upgrade"), "wb") as log:
        subprocess.run(
            [program("ceilometer-upgrade"), "--config-file", str(config)],
            stdout=log, stderr=log, check=True, timeout=UPGRADE_SECONDS,
        )


def healthy(lab):
    """A signed-in caller is answered."""
    lab.admin().get("metric", "/v1/status?details=false")


gnocchi = Service(
    name="gnocchi",
    needs=("mariadb", "keystone"),
    prepare=prepare,
    processes=processes,
    healthy=healthy,
    after=make_types,
)


def prepare_aetos(lab):
    """Its own program reads no other file than those of its user's home and of /etc."""
    place = lab.place
    write_ini(place.etc / "aetos" / ".aetos" / "aetos.conf", {
        "prometheus": {"host": HOST, "port": place.ports["prometheus"]},
        **checks_tokens(place, "aetos"),
    })


def aetos_processes(lab):
    """The proxy."""
    command = wsgi(lab.place, "aetos", "aetos.wsgi.api", 4)
    return {"aetos": (command, {"HOME": lab.place.etc / "aetos"})}


def aetos_healthy(lab):
    """It answers; not for Prometheus, which may not run."""
    status, _, _ = http("GET", lab.place.url("aetos", "/"))
    if status != 200:
        raise NotYet(f"Aetos answered {status}")


aetos = Service(
    name="aetos",
    needs=("keystone",),
    prepare=prepare_aetos,
    processes=aetos_processes,
    healthy=aetos_healthy,
)
