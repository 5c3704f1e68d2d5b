"""Glance and Cinder."""

import shutil

from .service import (
    SHIPPED, NotYet, Service, checks_tokens, locks, program, sends_notifications, wsgi, write_ini,
)


def prepare_glance(lab):
    """Configuration; images lie in a folder."""
    place = lab.place
    folder, data = place.etc / "glance", place.data / "glance"
    shutil.copytree(SHIPPED / "glance", folder)
    data.mkdir()
    stores = {
        name: {"filesystem_store_datadir": data / kind}
        for name, kind in (("file", "images"), ("os_glance_tasks_store", "tasks"),
                           ("os_glance_staging_store", "staging"))
    }
    write_ini(folder / "glance-api.conf", {
        "DEFAULT": {
            "log_file": place.log / "glance-app.log",
            "enabled_backends": "file:file",
            "transport_url": place.rabbit_url,
        },
        "database": {"connection": place.database_url("glance")},
        "glance_store": {"default_backend": "file"},
        "paste_deploy": {"flavor": "keystone", "config_file": folder / "glance-api-paste.ini"},
        **stores,
        **locks(place, "glance"),
        **sends_notifications(place),
        **checks_tokens(place, "glance"),
    })


def glance_processes(lab):
    """The API."""
    command = wsgi(lab.place, "glance", "glance.wsgi.api:application", 4)
    return {"glance": (command, {"OS_GLANCE_CONFIG_DIR": lab.place.etc / "glance"})}


glance = Service(
    name="glance",
    needs=("mariadb", "rabbitmq"),
    prepare=prepare_glance,
    processes=glance_processes,
    healthy=lambda lab: lab.admin().get("image", "/v2/images"),
)


def prepare_cinder(lab):
    """Configuration; volumes are upstream's fake driver: a life without a device."""
    place = lab.place
    folder = place.etc / "cinder"
    shutil.copytree(SHIPPED / "cinder", folder)
    write_ini(folder / "cinder.conf", {
        "DEFAULT": {
            "my_ip": "127.0.0.1",
            "host": "ctl1",
            "state_path": place.data / "cinder",
            "transport_url": place.rabbit_url,
            "auth_strategy": "keystone",
            "api_paste_config": folder / "api-paste.ini",
            "resource_query_filters_file": folder / "resource_filters.json",
            "rootwrap_config": folder / "rootwrap.conf",
            "enabled_backends": "fake",
            "volume_usage_audit_period": "hour",
        },
        "fake": {
            "volume_driver": "cinder.tests.fake_driver.FakeLoggingVolumeDriver",
            "volume_backend_name": "fake",
            "volume_group": "lab",
        },
        "coordination": {"backend_url": f"file://{place.data / 'cinder' / 'coordination'}"},
        "database": {"connection": place.database_url("cinder")},
        **locks(place, "cinder"),
        **sends_notifications(place),
        **checks_tokens(place, "cinder"),
    })


def cinder_processes(lab):
    """The API, the scheduler and the volume service."""
    place = lab.place
    config = place.etc / "cinder" / "cinder.conf"

    def log(name):
        return place.log / f"cinder-{name}-app.log"

    def daemon(name):
        return [program(f"cinder-{name}"), "--config-file", config, "--log-file", log(name)]

    arguments = f"--config-file {config} --log-file {log('api')}"
    return {
        "cinder-api": (wsgi(place, "cinder", "cinder.wsgi.api:application", 4, arguments), {}),
        "cinder-scheduler": (daemon("scheduler"), {}),
        "cinder-volume": (daemon("volume"), {}),
    }


def cinder_healthy(lab):
    """Scheduler and volume service have reported in."""
    admin = lab.admin()
    services = admin.get("block-storage", f"/{admin.project_id}/os-services")["services"]
    up = {service["binary"] for service in services if service["state"] == "up"}
    if up != {"cinder-scheduler", "cinder-volume"}:
        raise NotYet(f"up are {sorted(up)}")


cinder = Service(
    name="cinder",
    needs=("mariadb", "rabbitmq"),
    prepare=prepare_cinder,
    processes=cinder_processes,
    healthy=cinder_healthy,
)
