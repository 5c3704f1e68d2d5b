"""What lives in the cloud before anyone uses it: projects, people, flavors, an image, networks.

The account named `billow` has what an operator grants it; the people are members of one project
each, with one reader and one manager of a domain beside them.
"""

from .api import eventually
from .identity import Keystone
from .place import PASSWORD

# Name, VCPUs, MiB, GiB of root disk.
FLAVORS = (("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40))
VOLUME_TYPES = ("ssd", "archive")
IMAGE_BYTES = 1024 * 1024
# Project and domain of the tenants, and their people with their roles.
TENANTS = (
    ("alpha", "Default", (("alpha-user", ("member",)), ("alpha-reader", ("reader",)))),
    ("beta", "Default", (("beta-user", ("member",)),)),
    ("gamma", "reseller", (("gamma-user", ("member",)),)),
)


def fill(lab):
    """Make all of it; what the tests and people need to know of it."""
    admin = lab.admin()
    keystone = Keystone(admin)
    reseller = keystone.ensure("domain", "reseller")["id"]
    domains = {"Default": "default", "reseller": reseller}
    tenants = {}
    for name, domain, people in TENANTS:
        project = keystone.ensure("project", name, domain_id=domains[domain])
        tenants[name] = {"id": project["id"], "domain": domain, "users": {}}
        for person, roles in people:
            user = _person(keystone, person, domains[domain])
            for role in roles:
                keystone.grant(role, user, f"projects/{project['id']}")
            tenants[name]["users"][person] = user
    keystone.grant("manager", _person(keystone, "reseller-user", reseller), f"domains/{reseller}")
    _billow(keystone)
    return {
        "tenants": tenants,
        "flavors": _flavors(admin),
        "volume_types": _volume_types(admin),
        "image": _image(admin),
        "networks": _networks(admin, tenants),
    }


def _person(keystone, name, domain):
    return keystone.ensure("user", name, domain_id=domain, password=PASSWORD)["id"]


def _billow(keystone):
    """Billow's own account: `service` checks tokens and reads Gnocchi, `admin` lists all
    tenants' resources, `reader` of the system the projects and people."""
    user = _person(keystone, "billow", "default")
    project = keystone.ensure("project", "service", domain_id="default")["id"]
    for role in ("admin", "service"):
        keystone.grant(role, user, f"projects/{project}")
    keystone.grant("reader", user, "system")


def _flavors(admin):
    made = {}
    for name, vcpus, memory, disk in FLAVORS:
        body = {"flavor": {"name": name, "vcpus": vcpus, "ram": memory, "disk": disk}}
        made[name] = admin.post("compute", "/flavors", body)["flavor"]["id"]
    return made


def _volume_types(admin):
    path = f"/{admin.project_id}/types"
    return {
        name: admin.post("block-storage", path, {"volume_type": {"name": name}})["volume_type"]["id"]
        for name in VOLUME_TYPES
    }


def _image(admin):
    body = {"name": "cirros", "disk_format": "raw", "container_format": "bare",
            "visibility": "public", "os_distro": "cirros"}
    image = admin.post("image", "/v2/images", body)["id"]
    admin.call("PUT", "image", f"/v2/images/{image}/file", bytes(IMAGE_BYTES))
    eventually("the image is active",
               lambda: admin.get("image", f"/v2/images/{image}")["status"] == "active")
    return image


def _networks(admin, tenants):
    """An outer network, and for each tenant one of its own behind a router."""
    outer = admin.post("network", "/v2.0/networks", {"network": {
        "name": "public", "router:external": True,
        "provider:network_type": "flat", "provider:physical_network": "public",
    }})["network"]["id"]
    _subnet(admin, outer, "203.0.113.0/24", None)
    networks = {"public": outer}
    for number, (name, tenant) in enumerate(tenants.items()):
        owner = {"project_id": tenant["id"]}
        inner = admin.post("network", "/v2.0/networks",
                           {"network": owner | {"name": f"{name}-net"}})["network"]["id"]
        subnet = _subnet(admin, inner, f"10.{number}.0.0/16", tenant["id"])
        router = admin.post("network", "/v2.0/routers", {"router": owner | {
            "name": f"{name}-router", "external_gateway_info": {"network_id": outer},
        }})["router"]["id"]
        admin.put("network", f"/v2.0/routers/{router}/add_router_interface",
                  {"subnet_id": subnet})
        networks[name] = inner
    return networks


def _subnet(admin, network, cidr, project):
    body = {"network_id": network, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
    if project:
        body["project_id"] = project
    return admin.post("network", "/v2.0/subnets", {"subnet": body})["subnet"]["id"]


