"""Neutron: the API with ML2 and routers, and no agents.

Nothing touches this machine's network. Rows of agents that live until 2099 (`schema`) make it
bind ports all the same.
"""

import shutil

from .service import (
    SHIPPED, Service, checks_tokens, locks, sends_notifications, wsgi, write_ini,
)


def prepare(lab):
    """Configuration."""
    place = lab.place
    folder = place.etc / "neutron"
    shutil.copytree(SHIPPED / "neutron", folder)
    write_ini(folder / "neutron.conf", {
        "DEFAULT": {
            "log_file": place.log / "neutron-app.log",
            "core_plugin": "ml2",
            "service_plugins": "router",
            "transport_url": place.rabbit_url,
            "auth_strategy": "keystone",
            "api_paste_config": folder / "api-paste.ini",
            "state_path": place.data / "neutron",
            "notify_nova_on_port_status_changes": False,
            "notify_nova_on_port_data_changes": False,
            "dhcp_agent_notification": False,
        },
        "database": {"connection": place.database_url("neutron")},
        **locks(place, "neutron"),
        **sends_notifications(place),
        **checks_tokens(place, "neutron"),
    })
    write_ini(folder / "ml2_conf.ini", {
        "ml2": {
            "type_drivers": "local,flat,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "openvswitch",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "ml2_type_vxlan": {"vni_ranges": "1:4000"},
    })


def processes(lab):
    """The API."""
    return {"neutron": (wsgi(lab.place, "neutron", "neutron.wsgi.api:application", 1), {
        "OS_NEUTRON_CONFIG_DIR": lab.place.etc / "neutron",
        "OS_NEUTRON_CONFIG_FILES": "neutron.conf;ml2_conf.ini",
    })}


neutron = Service(
    name="neutron",
    needs=("mariadb", "rabbitmq"),
    prepare=prepare,
    processes=processes,
    healthy=lambda lab: lab.admin().get("network", "/v2.0/networks"),
)
