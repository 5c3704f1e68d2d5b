"""What happened: resources with the instants at which each of their states began.

One list is the truth for both: Gnocchi gets the measures that Ceilometer would have polled of it,
Billow the intervals.
"""

import dataclasses
import datetime as dt
import uuid

POLL = dt.timedelta(minutes=5)
SPACE = uuid.UUID("3d5c4f0e-6e0a-4c2b-9d0f-0f6f5d1b7a11")
FLAVORS = {"m1.tiny": 1, "m1.small": 1, "m1.medium": 2}

# Prices of an hour, the same on both sides.
PRICES = {
    "m1.tiny": "0.01", "m1.small": "0.025", "m1.medium": "0.05",
    "volume": "0.0002", "address": "0.005",
}


@dataclasses.dataclass
class Stretch:
    """From `begin` to `end` (exclusive) the resource was `what`: a flavor that runs, a size in
    GiB, or "address"; "stopped" costs nothing here on either side."""

    begin: dt.datetime
    end: dt.datetime
    what: object


@dataclasses.dataclass
class Resource:
    """A machine, a volume or an address of a project."""

    kind: str
    name: str
    project: str
    stretches: list

    @property
    def id(self):
        return str(uuid.uuid5(SPACE, f"{self.kind} {self.name}"))

    def at(self, instant):
        """What it is at an instant, or None."""
        for stretch in self.stretches:
            if stretch.begin <= instant < stretch.end:
                return stretch.what
        return None


def small(project, start):
    """Six hours in which each resource does one thing that bills differ about."""
    def at(minutes):
        return start + dt.timedelta(minutes=minutes)

    def life(kind, name, *marks):
        pairs = zip(marks, marks[1:])
        stretches = [
            Stretch(at(begin), at(end), what)
            for (begin, what), (end, _) in pairs if what is not None
        ]
        return Resource(kind, name, project, stretches)

    return [
        life("machine", "steady", (0, "m1.small"), (360, None)),
        life("machine", "stopped for 110 minutes",
             (0, "m1.small"), (140, "stopped"), (250, "m1.small"), (360, None)),
        life("machine", "resized at 3:30", (0, "m1.small"), (210, "m1.medium"), (360, None)),
        life("machine", "lived from 1:10 to 1:25", (70, "m1.medium"), (85, None)),
        life("machine", "made at 2:02", (122, "m1.small"), (360, None)),
        life("machine", "deleted at 4:08", (0, "m1.medium"), (248, None)),
        life("volume", "grew at 2:40", (0, 100), (160, 200), (360, None)),
        life("address", "held for 80 seconds", (200, "address"), (200 + 80 / 60, None)),
        life("address", "held for 3:12", (60, "address"), (252, None)),
    ]


def big(project, start, machines=300, hours=24):
    """Machines that only run, for the speed of rating."""
    end = start + dt.timedelta(hours=hours)
    flavors = list(FLAVORS)
    return [
        Resource("machine", f"big-{n}", project, [Stretch(start, end, flavors[n % 3])])
        for n in range(machines)
    ]
