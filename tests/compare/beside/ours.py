"""Billow: its own program beside the same cloud, given the same lives."""

import csv
import datetime as dt
import json
import subprocess
import time
from fractions import Fraction

CONFIG = """
[database]
address = "sqlite:{folder}/billow.db"
[[source]]
name = "lab"
kind = "openstack"
auth_url = "{auth_url}"
region = "{region}"
user = "{user}"
project = "{project}"
secret_file = "{folder}/secret"
"""

METERS = {"volume": "volume", "address": "ip_address"}


class Billow:
    """An installation beside the lab: its owners are the lab's projects."""

    def __init__(self, cloud, folder, program, prices):
        self.folder, self.program = folder, program
        account = cloud.facts["billow"]
        (folder / "secret").write_text(account["password"])
        (folder / "billow.toml").write_text(CONFIG.format(
            folder=folder, auth_url=cloud.facts["auth_url"], region=cloud.facts["region"],
            user=account["user"], project=account["project"],
        ))
        self.run("migrate")
        (folder / "seller.toml").write_text(self.run("sellers", "example"))
        self.run("sellers", "set", "provider", "--file", folder / "seller.toml", "--reason", "new")
        self.run("catalog", "sync")
        (folder / "prices.toml").write_text(_book(prices))
        self.run("prices", "apply", folder / "prices.toml", "--from", "2020-01-01")

    def run(self, *words):
        config = self.folder / "billow.toml"
        done = subprocess.run([self.program, "--config", config, *words], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"billow {' '.join(map(str, words))}: {done.stderr}")
        return done.stdout

    def take(self, resources, hourly=False):
        """Imports lives; by the hour, where the rows shall be those of CloudKitty. Gives their
        number and the seconds it took."""
        path = self.folder / "usage.csv"
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["source", "id", "owner", "meter", "resource", "kind", "from", "until",
                             "quantity", "unit", "attributes"])
            count = 0
            for resource in resources:
                for begin, end, what in pieces(resource, hourly):
                    count += 1
                    writer.writerow(_row(resource, begin, end, what))
        begun = time.perf_counter()
        self.run("usage", "import", path)
        return count, time.perf_counter() - begun

    def rate(self, project, period):
        """`[(meter, resource, hours, exact amount)]` of a project's month to date."""
        customers = json.loads(self.run("customers", "list", "--json"))["customers"]
        named = [one["number"] for one in customers if one["name"] == project]
        told = json.loads(
            self.run("rate", "--customer", named[0], "--period", period, "--json"))
        return [
            (part["meter"], part["resource"], Fraction(part["quantity"]), Fraction(part["exact"]))
            for month in told["months"] for part in month["parts"]
        ]


def pieces(resource, hourly):
    """Stretches that cost something, whole or cut at each hour."""
    for stretch in resource.stretches:
        if stretch.what == "stopped":
            continue
        begin = stretch.begin
        while begin < stretch.end:
            end = stretch.end
            if hourly:
                hour = begin.replace(minute=0, second=0, microsecond=0)
                end = min(end, hour + dt.timedelta(hours=1))
            yield begin, end, stretch.what
            begin = end


def _row(resource, begin, end, what):
    attributes = {"name": resource.name}
    if resource.kind == "machine":
        attributes["offering"] = what
    elif resource.kind == "volume":
        attributes["size_bytes"] = str(what << 30)
    seconds = int((end - begin).total_seconds())
    return ["compare", f"{resource.id} {begin.isoformat()}", f"lab/{resource.project}",
            METERS.get(resource.kind, "vm_running"), resource.id, "interval", begin.isoformat(),
            end.isoformat(), seconds, "second", json.dumps(attributes)]


def _book(prices):
    text = '[book]\ncode = "standard"\ncurrency = "EUR"\n'
    for name in ("m1.tiny", "m1.small", "m1.medium"):
        code = name.replace(".", "-")
        text += (f'[[price]]\ncode = "{code}"\nmeter = "vm_running"\nunit = "hour"\n'
                 f'amount = "{prices[name]}"\nwhen = {{ offering = "{name}" }}\n')
    for code, meter, unit in (("volume", "volume", "gib_hour"), ("address", "ip_address", "hour")):
        text += (f'[[price]]\ncode = "{code}"\nmeter = "{meter}"\nunit = "{unit}"\n'
                 f'amount = "{prices[code]}"\n')
    return text


def export(resources, path):
    """The hourly pieces as the benchmark reads them: owner, resource, offering, from, until."""
    with open(path, "w") as file:
        for resource in resources:
            for begin, end, what in pieces(resource, True):
                fields = [resource.project, resource.id, what, int(begin.timestamp()),
                          int(end.timestamp())]
                file.write("\t".join(map(str, fields)) + "\n")
