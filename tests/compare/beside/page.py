"""The page that tells what came of it: every figure is one that was measured or computed."""

from fractions import Fraction

KINDS = {"instance": "machine", "volume.size": "volume", "ip.floating": "address"}


def lines(resources, theirs, ours, prices):
    """A line for each resource: both amounts, what is right, and why they differ."""
    table = []
    for resource in resources:
        rated = sum((price for kind, id, _, _, price in theirs if id == resource.id), start=0)
        billed = sum((amount for _, id, _, amount in ours if id == resource.id), start=Fraction(0))
        right = truth(resource, prices)
        table.append((resource, Fraction(str(rated)), billed, right))
    return table


def truth(resource, prices):
    """Seconds times the price of an hour, of all that costs something."""
    total = Fraction(0)
    for stretch in resource.stretches:
        if stretch.what == "stopped":
            continue
        hours = Fraction(int((stretch.end - stretch.begin).total_seconds()), 3600)
        size = stretch.what if resource.kind == "volume" else 1
        price = prices.get(stretch.what, prices.get(resource.kind))
        total += hours * size * Fraction(price)
    return total


def reason(resource, rated, right, hours):
    """Why CloudKitty's amount is another one, from what it looked at."""
    if rated == right:
        return "the same: nothing changed inside an hour"
    flavors = [one.what for one in resource.stretches if one.what != "stopped"]
    if not hours:
        return "no poll fell on it"
    parts = ["each hour in which a poll saw it counts wholly, as its first measure was"]
    if resource.kind == "machine" and len(set(flavors)) > 1:
        parts = ["every hour has the flavor that the resource has at the end: to CloudKitty it is "
                 "metadata of now"]
    return "; ".join(parts)


def text(story, speed):
    """The page."""
    rows, sums = [], [Fraction(0), Fraction(0), Fraction(0)]
    for resource, rated, billed, right in story["lines"]:
        hours = story["hours"].get(resource.id, 0)
        why = reason(resource, rated, right, hours)
        rows.append(f"| {resource.kind} | {resource.name} | {amount(rated)} | {amount(billed)} | "
                    f"{amount(right)} | {why} |")
        sums = [one + more for one, more in zip(sums, (rated, billed, right))]
    rated, billed, right = sums
    apart = abs(rated - right) / right * 100
    return f"""# Beside CloudKitty

Made by `tests/compare/cloudkitty`, which starts a real Keystone and Gnocchi, CloudKitty
{speed["version"]} on its default storage (InfluxDB), and Billow, gives both the same lives, and writes
this page. CloudKitty works by its own collector, HashMap, storage and worker, and is given what
Ceilometer would have polled of each resource every five minutes; Billow is given the instants at which
its states changed, which Nova's lists and notifications tell it ([openstack.md](../openstack.md)).

## What each bills

Six hours, prices of an hour: {story["prices"]}.
Amounts are exact; *right* is each second times the price.

| kind | what it did | CloudKitty | Billow | right | why CloudKitty differs |
| --- | --- | ---: | ---: | ---: | --- |
{chr(10).join(rows)}
| | **sum** | **{amount(rated)}** | **{amount(billed)}** | **{amount(right)}** | CloudKitty is \
{decimal(apart, 1)} % off |

- A machine that is stopped has no measures: CloudKitty cannot price it, whatever the operator wants.
  Billow has meters of its own for stopped, paused, suspended and shelved machines.
- CloudKitty rates each hour once, {speed["wait"]} hour after its end; what comes later is not rated. Billow
  shows a change within a minute, and bills what comes late as a difference.
- CloudKitty keeps amounts as floating-point numbers; Billow exact fractions, rounded once at the line.

## How fast

{speed["machines"]} machines for {speed["hours"]} hours, each hour of each a point: {speed["points"]} points of
{speed["measures"]} measures, one process on {speed["cpus"]} × {speed["cpu"]}.

| step | CloudKitty, points/s | Billow, points/s | ratio | goal |
| --- | ---: | ---: | ---: | ---: |
| rating, as the worker does it: HashMap between the frames that it copies | \
{whole(speed["worker"])} | {whole(speed["rating"])} | {ratio(speed["rating"], speed["worker"])} | 20 × |
| HashMap's own loop alone | {whole(speed["hashmap"])} | {whole(speed["rating"])} | \
{ratio(speed["rating"], speed["hashmap"])} | |
| rating and storing alone | {whole(speed["stored"])} | {whole(speed["taken"])} | \
{ratio(speed["taken"], speed["stored"])} | |
| rating and storing as shipped: the worker, its reading of Gnocchi included | {whole(speed["whole"])} | \
{whole(speed["taken"])} | {ratio(speed["taken"], speed["whole"])} | 100 × |

- Billow's rating is `cargo bench --bench cloudkitty` on the same points: metering and rating to exact
  amounts, with the price, the record and the reason behind each kept.
- Billow's storing takes the same points by `billow usage import` (every check, the evidence, SQLite) and
  rates the month by `billow rate`: two programs, their start, the CSV and the JSON included, \
{decimal(speed["import_seconds"], 2)} s
  and {decimal(speed["rate_seconds"], 2)} s. Most of the import is reading and checking each row, and its evidence, \
which
  CloudKitty has none of.
- The last row is CloudKitty's whole work, since reading measures is how it comes by its points; Billow
  comes by its own through listings and events, which this run does not count.{missed(speed)}
- CloudKitty's seconds: reading {decimal(speed["ck_collect_seconds"], 1)}, rating \
{decimal(speed["ck_rate_seconds"], 2)}, storing {decimal(speed["ck_store_seconds"], 2)}.
"""


def missed(speed):
    if speed["taken"] / speed["whole"] >= 100:
        return ""
    return (" It misses its goal of 100 ×\n  where CloudKitty's reading is quick, as on an idle "
            "machine.")


def amount(value):
    """Up to eight digits, without zeros at the end."""
    shown = f"{float(value):.8f}".rstrip("0").rstrip(".")
    return shown or "0"


def ratio(one, other):
    times = one / other
    return f"{times:.1f} ×" if times < 10 else f"{whole(times)} ×"


def whole(value):
    return f"{round(value):,}"


def decimal(value, digits):
    return f"{float(value):.{digits}f}"
