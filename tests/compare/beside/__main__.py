"""`python -m beside FOLDER PAGE`: FOLDER/lab is a lab that is up."""

import datetime as dt
import importlib.metadata
import os
import pathlib
import subprocess
import sys
import time

from . import page, story
from .cloud import Cloud
from .incumbent import CloudKitty, influxdb
from .ours import Billow, export

HOURS, BIG_HOURS, MACHINES = 6, 24, 300


def main(folder, target):
    program = pathlib.Path("target/release/billow").resolve()
    cloud = Cloud(folder / "lab")
    port = int(cloud.facts["billing"].rsplit(":", 1)[1]) - 3
    now = dt.datetime.now(dt.timezone.utc).replace(minute=0, second=0, microsecond=0)
    alpha, beta = cloud.project("alpha"), cloud.project("beta")
    start, begun = now - dt.timedelta(hours=HOURS + 2), now - dt.timedelta(hours=BIG_HOURS + 2)
    small, big = story.small(alpha, start), story.big(beta, begun, MACHINES, BIG_HOURS)
    say("telling Gnocchi")
    cloud.tell(small)
    measures = cloud.tell(big)
    with influxdb(folder, port):
        say("CloudKitty")
        theirs = CloudKitty(cloud, folder, port, story.PRICES)
        theirs.rate(alpha, start, HOURS)
        rated = theirs.points(alpha, start, start + dt.timedelta(hours=HOURS))
        clock = theirs.rate(beta, begun, BIG_HOURS)
        points = len(theirs.points(beta, begun, begun + dt.timedelta(hours=BIG_HOURS)))
    say(f"CloudKitty rated {points} points: {clock.seconds}")
    say("Billow")
    ours = Billow(cloud, folder, program, story.PRICES)
    ours.take(small)
    months = sorted({start.strftime("%Y-%m"), now.strftime("%Y-%m")})
    billed = [part for month in months for part in ours.rate("alpha", month)]
    count, import_seconds = ours.take(big, hourly=True)
    if count != points:
        raise SystemExit(f"CloudKitty has {points} points and Billow {count}: not the same data")
    clocked = time.perf_counter()
    months = sorted({begun.strftime("%Y-%m"), now.strftime("%Y-%m")})
    parts = [part for month in months for part in ours.rate("beta", month)]
    rate_seconds = time.perf_counter() - clocked
    hours = sum(part[2] for part in parts)
    if hours != MACHINES * BIG_HOURS:
        raise SystemExit(f"Billow rated {hours} hours, not {MACHINES * BIG_HOURS}")
    export(big, folder / "points.tsv")
    environment = os.environ | {"BILLOW_COMPARE_POINTS": str(folder / "points.tsv")}
    bench = subprocess.run(["cargo", "bench", "--quiet", "--bench", "cloudkitty"], check=True,
                           env=environment, capture_output=True, text=True)
    seconds = clock.seconds
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page.text(
        {
            "lines": page.lines(small, rated, billed, story.PRICES),
            "hours": {one.id: sum(1 for row in rated if row[1] == one.id) for one in small},
            "prices": ", ".join(f"{name} {price}" for name, price in story.PRICES.items()),
        },
        {
            "version": importlib.metadata.version("cloudkitty"), "wait": "one",
            "machines": MACHINES, "hours": BIG_HOURS, "points": f"{points:,}",
            "measures": f"{measures:,}", "cpus": os.cpu_count(), "cpu": cpu(),
            "hashmap": points / seconds["hashmap"], "worker": points / seconds["rate"],
            "rating": float(bench.stdout.split()[-1]),
            "stored": points / (seconds["rate"] + seconds["store"]),
            "taken": points / (import_seconds + rate_seconds),
            "whole": points / seconds["all"],
            "import_seconds": import_seconds, "rate_seconds": rate_seconds,
            "ck_rate_seconds": seconds["rate"], "ck_store_seconds": seconds["store"],
            "ck_collect_seconds": seconds["collect"],
        },
    ))
    say(f"{target} is written")


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "CPU"


def say(what):
    print(f"compare: {what}", flush=True)


main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
