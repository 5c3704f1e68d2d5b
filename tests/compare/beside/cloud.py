"""The lab's Keystone and Gnocchi, and what Ceilometer would have told the latter."""

import configparser
import json
import time

import pymysql
import requests
from sqlalchemy.engine import make_url

from .story import FLAVORS, POLL

TYPES = {"machine": "instance", "volume": "volume", "address": "network"}
METRICS = {"machine": ("cpu", "ns"), "volume": ("volume.size", "GB"), "address": ("ip.floating", "ip")}
BATCH = 40


class Cloud:
    """A lab's facts, and calls as its administrator."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = json.loads((folder / "lab.json").read_text())
        admin = self.facts["admin"]
        domain = {"name": admin["domain"]}
        body = {"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": admin["user"], "password": admin["password"], "domain": domain}}},
            "scope": {"project": {"name": admin["project"], "domain": domain}},
        }}
        answer = requests.post(f"{self.facts['auth_url']}/auth/tokens", json=body, timeout=60)
        answer.raise_for_status()
        self.headers = {
            "X-Auth-Token": answer.headers["X-Subject-Token"], "Accept": "application/json",
        }
        catalog = {entry["type"]: entry for entry in answer.json()["token"]["catalog"]}
        self.gnocchi = catalog["metric"]["endpoints"][0]["url"].rstrip("/") + "/v1"

    def project(self, name):
        return self.facts["tenants"][name]["id"]

    def database(self, name):
        """The address of a database of the lab's MariaDB."""
        config = configparser.ConfigParser(strict=False, interpolation=None)
        config.read(self.folder / "etc" / "gnocchi" / "gnocchi.conf")
        return make_url(config["indexer"]["url"]).set(database=name)

    def connect(self, name=None):
        """Opens it."""
        url = self.database(name)
        return pymysql.connect(host=url.host, port=url.port, user=url.username,
                               password=url.password, database=name, autocommit=True)

    def call(self, method, path, body=None):
        answer = requests.request(method, self.gnocchi + path, json=body, headers=self.headers,
                                  timeout=300)
        if answer.status_code >= 300:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def tell(self, resources):
        """Makes resources in Gnocchi and pushes what polls every five minutes saw of them; gives
        the number of measures."""
        pushed = 0
        for first in range(0, len(resources), BATCH):
            some = resources[first:first + BATCH]
            batch = {}
            for resource in some:
                self._make(resource)
                metric, _ = METRICS[resource.kind]
                batch[resource.id] = {metric: _polled(resource)}
                pushed += len(batch[resource.id][metric])
            self.call("POST", "/batch/resources/metrics/measures?create_metrics=true", batch)
        self._date_back(resources)
        while self.call("GET", "/status?details=false")["storage"]["summary"]["measures"]:
            time.sleep(0.2)
        return pushed

    def _make(self, resource):
        metric, unit = METRICS[resource.kind]
        first = resource.stretches[0]
        body = {
            "id": resource.id, "project_id": resource.project, "user_id": resource.project,
            "started_at": first.begin.isoformat(),
            "metrics": {metric: {"archive_policy_name": "low", "unit": unit}},
        }
        if resource.kind == "machine":
            body |= {"display_name": resource.name, "host": "cmp1", "flavor_id": "1",
                     "flavor_name": first.what}
        elif resource.kind == "volume":
            body |= {"display_name": resource.name, "volume_type": "ssd"}
        path = f"/resource/{TYPES[resource.kind]}"
        self.call("POST", path, body)
        for change in _changes(resource):
            self.call("PATCH", f"{path}/{resource.id}", {"flavor_name": change.what})

    def _date_back(self, resources):
        """Gnocchi stamps revisions by its own clock, and CloudKitty sees measures inside a
        revision only: there is no API to tell when a change was."""
        with self.connect("gnocchi") as db, db.cursor() as cursor:
            for resource in resources:
                begin = resource.stretches[0].begin.replace(tzinfo=None)
                own = (bytes.fromhex(resource.id.replace("-", "")),)
                changed = [one.begin.replace(tzinfo=None) for one in _changes(resource)]
                cursor.execute("UPDATE resource SET started_at=%s, revision_start=%s WHERE id=%s",
                               (begin, changed[-1] if changed else begin, *own))
                for at in changed:
                    cursor.execute(
                        "UPDATE resource_history SET started_at=%s, revision_start=%s, "
                        "revision_end=%s WHERE id=%s", (begin, begin, at, *own))


def _changes(resource):
    """Stretches in which a machine runs with another flavor than before."""
    running = [one for one in resource.stretches if one.what in FLAVORS]
    return [one for before, one in zip(running, running[1:]) if one.what != before.what]


def _polled(resource):
    """A poll every five minutes, at 7 seconds past, of what is there then: a machine that is
    stopped has no measures."""
    measures = []
    last = resource.stretches[-1].end
    first = resource.stretches[0].begin.replace(second=0, microsecond=0)
    instant = first.replace(minute=first.minute // 5 * 5, second=7)
    worked = 0
    while instant < last:
        what = resource.at(instant)
        if what in FLAVORS:
            worked += int(300e9 * 0.4 * FLAVORS[what])
            measures.append({"timestamp": instant.isoformat(), "value": worked})
        elif resource.kind == "volume" and what is not None:
            measures.append({"timestamp": instant.isoformat(), "value": what})
        elif resource.kind == "address" and what is not None:
            measures.append({"timestamp": instant.isoformat(), "value": 1})
        instant += POLL
    return measures
