"""Placement and Nova; its one hypervisor is upstream's fake driver."""

import shutil

from .place import REGION
from .service import (
    SHIPPED, NotYet, Service, checks_tokens, credentials, locks, program, sends_notifications,
    wsgi, write_ini,
)


def prepare_placement(lab):
    """Configuration."""
    place = lab.place
    write_ini(place.etc / "placement" / "placement.conf", {
        "DEFAULT": {"log_file": place.log / "placement-app.log"},
        "api": {"auth_strategy": "keystone"},
        "placement_database": {"connection": place.database_url("placement")},
        **checks_tokens(place, "placement"),
    })


def placement_processes(lab):
    """The API."""
    command = wsgi(lab.place, "placement", "placement.wsgi.api:application", 2)
    return {"placement": (command, {"OS_PLACEMENT_CONFIG_DIR": lab.place.etc / "placement"})}


placement = Service(
    name="placement",
    needs=("mariadb", "rabbitmq"),
    prepare=prepare_placement,
    processes=placement_processes,
    healthy=lambda lab: lab.admin().get("placement", "/resource_providers"),
)


def prepare_nova(lab):
    """Configuration. Notifications come in both formats, at each change of state or task, and
    once an hour for each server (`instance.exists`)."""
    place = lab.place
    folder = place.etc / "nova"
    shutil.copytree(SHIPPED / "nova", folder)
    (place.data / "nova").mkdir()
    write_ini(folder / "nova.conf", {
        "DEFAULT": {
            "my_ip": "127.0.0.1",
            "host": "ctl1",
            "state_path": place.data / "nova",
            "transport_url": place.rabbit_url,
            "compute_driver": "fake.FakeDriver",
            "allow_resize_to_same_host": True,
            "vif_plugging_timeout": 0,
            "vif_plugging_is_fatal": False,
            "instance_usage_audit": True,
            "instance_usage_audit_period": "hour",
            "periodic_fuzzy_delay": 5,
            # Shelved servers stay on their host until someone offloads them.
            "shelved_offload_time": -1,
        },
        "notifications": {
            "notification_format": "both",
            "notify_on_state_change": "vm_and_task_state",
            "bdms_in_notifications": True,
        },
        "database": {"connection": place.database_url("nova")},
        "api_database": {"connection": place.database_url("nova_api")},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 2},
        "vnc": {"enabled": False},
        "glance": {"api_servers": place.url("glance")},
        "placement": credentials(place, "placement"),
        "neutron": credentials(place, "nova"),
        "cinder": credentials(place, "nova") | {"os_region_name": REGION},
        "service_user": credentials(place, "nova") | {"send_service_user_token": True},
        **locks(place, "nova"),
        **sends_notifications(place),
        **checks_tokens(place, "nova"),
    })


def _daemon(lab, name, *more):
    place = lab.place
    return [
        program(f"nova-{name}"),
        "--config-file", place.etc / "nova" / "nova.conf",
        *more,
        "--log-file", place.log / f"nova-{name}-app.log",
    ]


def nova_processes(lab):
    """The API, the conductor and the scheduler."""
    place = lab.place
    api = wsgi(
        place, "nova", "nova.wsgi.osapi_compute:application", 6,
        f"--log-file {place.log / 'nova-api-app.log'}",
    )
    return {
        "nova-api": (api, {"OS_NOVA_CONFIG_DIR": place.etc / "nova"}),
        "nova-conductor": (_daemon(lab, "conductor"), {}),
        "nova-scheduler": (_daemon(lab, "scheduler"), {}),
    }


def nova_healthy(lab):
    """Conductor and scheduler have reported in."""
    services = lab.admin().get("compute", "/os-services")["services"]
    up = {service["binary"] for service in services if service["state"] == "up"}
    if not up >= {"nova-conductor", "nova-scheduler"}:
        raise NotYet(f"up are {sorted(up)}")


nova = Service(
    name="nova",
    # Its daemons sign in when they start.
    needs=("mariadb", "rabbitmq", "keystone"),
    prepare=prepare_nova,
    processes=nova_processes,
    healthy=nova_healthy,
)


def compute_processes(lab):
    """The compute service. The fake driver keeps its servers in memory, and Nova refuses to
    start it a second time under one host name: so each start is a host of its own, and servers
    of an earlier start stay on a host that is down."""
    lab.computes += 1
    host = f"cmp{lab.computes}"
    state = lab.place.data / "nova" / host
    state.mkdir()
    config = write_ini(lab.place.etc / "nova" / f"{host}.conf", {
        "DEFAULT": {"host": host, "state_path": state},
    })
    return {"nova-compute": (_daemon(lab, "compute", "--config-file", config), {})}


def compute_healthy(lab):
    """The scheduler knows the newest host: it is up, and mapped into its cell."""
    host = f"cmp{lab.computes}"
    hypervisors = lab.admin().get("compute", "/os-hypervisors/detail")["hypervisors"]
    states = {each["service"]["host"]: each["state"] for each in hypervisors}
    if states.get(host) != "up":
        raise NotYet(f"hypervisors: {states}")


compute = Service(
    name="compute",
    needs=("nova", "placement", "neutron", "glance"),
    prepare=lambda lab: None,
    processes=compute_processes,
    healthy=compute_healthy,
)
