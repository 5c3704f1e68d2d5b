"""Keystone, and the catalogue."""

import base64
import os

from .api import Session, by_password, project_scope
from .place import PASSWORD, REGION
from .service import Service, sends_notifications, wsgi, write_ini

# Users of the services themselves, all in project `service` with roles `admin` and `service`.
SERVICE_USERS = ("placement", "glance", "neutron", "nova", "cinder", "gnocchi", "ceilometer",
                 "cloudkitty", "aetos")
# Service type, name, port and path. Cinder goes by two types, as in real catalogues.
CATALOGUE = (
    ("identity", "keystone", "keystone", "/v3"),
    ("placement", "placement", "placement", ""),
    ("image", "glance", "glance", ""),
    ("network", "neutron", "neutron", ""),
    ("compute", "nova", "nova", "/v2.1"),
    ("volumev3", "cinderv3", "cinder", "/v3"),
    ("block-storage", "cinder", "cinder", "/v3"),
    ("metric", "gnocchi", "gnocchi", ""),
    ("metric-storage", "aetos", "aetos", ""),
    ("rating", "cloudkitty", "cloudkitty", ""),
    # Where Billow itself is found; nobody has to listen there.
    ("billing", "billow", "billing", ""),
)


def key_repository(folder):
    """Fernet keys: 0 is the next one, 1 signs."""
    folder.mkdir(mode=0o700, parents=True)
    for name in ("0", "1"):
        (folder / name).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        (folder / name).chmod(0o600)
    return folder


def prepare(lab):
    """Configuration and keys."""
    place = lab.place
    folder = place.etc / "keystone"
    keys = key_repository(folder / "fernet-keys")
    write_ini(folder / "keystone.conf", {
        "DEFAULT": {
            "log_file": place.log / "keystone-app.log",
            "transport_url": place.rabbit_url,
        },
        "database": {"connection": place.database_url("keystone")},
        "token": {"provider": "fernet", "expiration": 14400},
        "fernet_tokens": {"key_repository": keys},
        "fernet_receipts": {"key_repository": keys},
        "credential": {"key_repository": key_repository(folder / "credential-keys")},
        # The slow hash protects passwords that people chose; here are none.
        "identity": {"password_hash_rounds": 4},
        "cache": {"enabled": True, "backend": "dogpile.cache.memory"},
        **sends_notifications(place),
    })


def processes(lab):
    """One process, since its cache of revocations is in its memory."""
    command = wsgi(lab.place, "keystone", "keystone.wsgi.api:application", 6)
    return {"keystone": (command, {"OS_KEYSTONE_CONFIG_DIR": lab.place.etc / "keystone"})}


def healthy(lab):
    """The administrator can sign in."""
    Session(lab.place.auth_url, by_password("admin", PASSWORD, "Default"), REGION)


def fill(lab):
    """Users of the services, and the catalogue of those that this lab has."""
    body = by_password("admin", PASSWORD, "Default", project_scope("admin", "Default"))
    keystone = Keystone(Session(lab.place.auth_url, body, REGION))
    if not keystone.find("regions", REGION):
        keystone.create("region", id=REGION)
    project = keystone.ensure("project", "service", domain_id="default")
    for name in SERVICE_USERS:
        user = keystone.ensure("user", name, domain_id="default", password=PASSWORD)
        for role in ("admin", "service"):
            keystone.grant(role, user["id"], f"projects/{project['id']}")
    for kind, name, port, path in CATALOGUE:
        if port not in lab.services and port != "billing":
            continue
        service = keystone.create("service", type=kind, name=name)
        for interface in ("public", "internal", "admin"):
            keystone.create(
                "endpoint", service_id=service["id"], interface=interface, region_id=REGION,
                url=lab.place.url(port, path),
            )
    lab.catalogued = True


keystone = Service(
    name="keystone",
    needs=("mariadb", "rabbitmq"),
    prepare=prepare,
    processes=processes,
    healthy=healthy,
    after=fill,
)


class Keystone:
    """Making things in Keystone."""

    def __init__(self, session):
        self.session = session
        self._roles = {}

    def find(self, plural, identifier):
        """The thing with this id, or None."""
        status, _, body = self.session.ask("GET", "identity", f"/{plural}/{identifier}")
        return body if status == 200 else None

    def create(self, kind, **fields):
        """Make a thing."""
        return self.session.post("identity", f"/{kind}s", {kind: fields})[kind]

    def ensure(self, kind, name, **fields):
        """The thing with this name, made if it is not there."""
        query = f"?name={name}" + (
            f"&domain_id={fields['domain_id']}" if "domain_id" in fields else ""
        )
        for found in self.session.get("identity", f"/{kind}s{query}")[f"{kind}s"]:
            if found["name"] == name:
                return found
        return self.create(kind, name=name, **fields)

    def role(self, name):
        """The id of a role."""
        if not self._roles:
            roles = self.session.get("identity", "/roles")["roles"]
            self._roles = {role["name"]: role["id"] for role in roles}
        if name not in self._roles:
            self._roles[name] = self.create("role", name=name)["id"]
        return self._roles[name]

    def grant(self, role, user, where):
        """Give a user a role on `projects/ID`, `domains/ID` or `system`."""
        self.session.put("identity", f"/{where}/users/{user}/roles/{self.role(role)}")
