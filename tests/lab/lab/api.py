"""A small client of OpenStack's APIs over plain HTTP; blocking."""

import json
import time
import urllib.error
import urllib.request


class Refused(Exception):
    """An API answered with something else than success."""

    def __init__(self, method, url, status, body):
        super().__init__(f"{method} {url}: {status} {body}")
        self.status = status
        self.body = body


def http(method, url, body=None, headers=None, timeout=60):
    """One request; `(status, headers, body)`. JSON in and out, bytes in as they are. Header
    names come back in lower case."""
    request = urllib.request.Request(url, method=method)
    request.add_header("Accept", "application/json")
    if isinstance(body, bytes):
        request.data = body
        request.add_header("Content-Type", "application/octet-stream")
    elif body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, fields, raw = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, fields, raw = error.code, error.headers, error.read()
    fields = {name.lower(): value for name, value in fields.items()}
    try:
        return status, fields, json.loads(raw) if raw else None
    except ValueError:
        return status, fields, raw.decode(errors="replace")


def by_password(name, password, domain, scope=None):
    """The body that signs a person in. `scope` is Keystone's: `{"project": …}`, `{"domain": …}`,
    `{"system": {"all": True}}`."""
    user = {"name": name, "password": password, "domain": {"name": domain}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return {"auth": auth | ({"scope": scope} if scope else {})}


def by_application_credential(identifier, secret):
    """The body that signs an application credential in; its scope is its own."""
    credential = {"id": identifier, "secret": secret}
    methods = {"methods": ["application_credential"], "application_credential": credential}
    return {"auth": {"identity": methods}}


def project_scope(name, domain):
    """A scope, for `by_password`."""
    return {"project": {"name": name, "domain": {"name": domain}}}


class Session:
    """A signed-in caller."""

    # What we were written against; never "latest", which loses fields.
    MICROVERSIONS = {"compute": "compute 2.79", "block-storage": "volume 3.65",
                     "placement": "placement 1.36"}

    def __init__(self, auth_url, body, region, interface="public"):
        status, headers, answer = http("POST", f"{auth_url}/auth/tokens", body)
        if status != 201:
            raise Refused("POST", f"{auth_url}/auth/tokens", status, answer)
        self.token = headers["x-subject-token"]
        self.body = answer["token"]
        self.endpoints = {"identity": auth_url}
        for service in self.body.get("catalog", []):
            for endpoint in service["endpoints"]:
                if endpoint["interface"] == interface and endpoint["region"] == region:
                    self.endpoints.setdefault(service["type"], endpoint["url"])

    @property
    def project_id(self):
        """The project this token is for."""
        return self.body["project"]["id"]

    @property
    def user_id(self):
        """Who it is."""
        return self.body["user"]["id"]

    def ask(self, method, service, path, body=None, headers=None):
        """One request, whatever the answer: `(status, headers, body)`."""
        url = path if path.startswith("http") else self.endpoints[service] + path
        fields = {"X-Auth-Token": self.token}
        if service in self.MICROVERSIONS:
            fields["OpenStack-API-Version"] = self.MICROVERSIONS[service]
        return http(method, url, body, fields | (headers or {}))

    def call(self, method, service, path, body=None, headers=None):
        """One request that must succeed; its body."""
        status, _, answer = self.ask(method, service, path, body, headers)
        if not 200 <= status < 300:
            raise Refused(method, self.endpoints.get(service, "") + path, status, answer)
        return answer

    def get(self, service, path):
        """Read."""
        return self.call("GET", service, path)

    def post(self, service, path, body, headers=None):
        """Create or act."""
        return self.call("POST", service, path, body, headers)

    def put(self, service, path, body=None):
        """Set."""
        return self.call("PUT", service, path, body)

    def delete(self, service, path):
        """Remove."""
        return self.call("DELETE", service, path)


def eventually(what, probe, seconds=60, pause=0.1):
    """Ask until `probe()` gives something true, and give it back; fail naming `what`."""
    until = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > until:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(pause)
