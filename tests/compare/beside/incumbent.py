"""CloudKitty: its own collector, HashMap, storage and worker, in this process.

The worker is CloudKitty's; only a clock stands beside its steps, so that rating and storing are
measured as they are shipped.
"""

import contextlib
import datetime as dt
import subprocess
import sys
import time

import requests

METRICS = """
metrics:
  cpu:
    unit: instance
    alt_name: instance
    groupby: [id, user_id, project_id]
    metadata: [flavor_name, flavor_id]
    mutate: NUMBOOL
    extra_args: {aggregation_method: mean, resource_type: instance, force_granularity: 300}
  volume.size:
    unit: GiB
    groupby: [id, user_id, project_id]
    metadata: [volume_type]
    extra_args: {aggregation_method: mean, resource_type: volume, force_granularity: 300}
  ip.floating:
    unit: ip
    groupby: [id, user_id, project_id]
    metadata: []
    mutate: NUMBOOL
    extra_args: {aggregation_method: mean, resource_type: network, force_granularity: 300}
"""

CONFIG = """
[DEFAULT]
transport_url = fake://
log_file = {folder}/cloudkitty.log
[ks_auth]
auth_type = password
auth_url = {auth_url}
username = {user}
password = {password}
user_domain_name = {domain}
project_domain_name = {domain}
project_name = {project}
region_name = {region}
[database]
connection = {database}
[fetcher]
backend = gnocchi
[fetcher_gnocchi]
auth_section = ks_auth
region_name = {region}
[collect]
collector = gnocchi
metrics_conf = {folder}/metrics.yml
period = 3600
wait_periods = 1
[collector_gnocchi]
auth_section = ks_auth
region_name = {region}
[storage]
backend = influxdb
version = 2
[storage_influxdb]
host = 127.0.0.1
port = {influx}
database = cloudkitty
username = cloudkitty
password = cloudkitty
"""

INFLUX = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/influx/meta"
[data]
dir = "{folder}/influx/data"
wal-dir = "{folder}/influx/wal"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
[monitor]
store-enabled = false
"""


class Clock:
    """Seconds by step."""

    def __init__(self):
        self.seconds = {}

    @contextlib.contextmanager
    def running(self, step):
        begun = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - begun


@contextlib.contextmanager
def influxdb(folder, port):
    """CloudKitty's default storage, for as long as the block lasts."""
    config = folder / "influxdb.conf"
    config.write_text(INFLUX.format(folder=folder, port=port, rpc=port + 1))
    with open(folder / "influxdb.log", "wb") as log:
        server = subprocess.Popen(["influxd", "run", "-config", config], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{url}/ping", timeout=5).status_code == 204:
                    break
            time.sleep(0.1)
        requests.post(f"{url}/query", data={"q": "CREATE DATABASE cloudkitty"}, timeout=30)
        yield
    finally:
        server.terminate()
        server.wait()


class CloudKitty:
    """An installation beside the lab."""

    def __init__(self, cloud, folder, influx_port, prices):
        (folder / "metrics.yml").write_text(METRICS)
        with cloud.connect() as db, db.cursor() as cursor:
            # The lab has one, for nobody.
            cursor.execute("DROP DATABASE IF EXISTS cloudkitty")
            cursor.execute("CREATE DATABASE cloudkitty CHARACTER SET utf8")
        admin = cloud.facts["admin"]
        config = folder / "cloudkitty.conf"
        config.write_text(CONFIG.format(
            folder=folder, auth_url=cloud.facts["auth_url"], region=cloud.facts["region"],
            influx=influx_port, **admin,
            database=cloud.database("cloudkitty").render_as_string(hide_password=False),
        ))
        for command in ("cloudkitty-dbsync", "cloudkitty-storage-init"):
            verb = ["upgrade"] if command.endswith("dbsync") else []
            subprocess.run([command, "--config-file", config, *verb], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        from cloudkitty import service
        service.prepare_service(["beside"], config_files=[str(config)])
        # It lets errors of this process vanish in its log.
        sys.excepthook = sys.__excepthook__
        self._price(prices)
        from cloudkitty import collector, storage
        self.collector = collector.get_collector()
        self.storage = storage.get_storage()

    def _price(self, prices):
        """A flat price an hour for each flavor, GiB and address, valid since long."""
        from cloudkitty.db import api as modules
        from cloudkitty.rating.hash.db import api
        hashmap = api.get_instance()
        since = dt.datetime(2020, 1, 1)
        modules.get_instance().get_module_info().set_state("hashmap", True)
        instance = hashmap.create_service("instance").service_id
        flavor = hashmap.create_field(instance, "flavor_name").field_id
        for name in ("m1.tiny", "m1.small", "m1.medium"):
            hashmap.create_mapping(value=name, cost=prices[name], map_type="flat",
                                   field_id=flavor, start=since, name=name, created_by="compare")
        for service, price in (("volume.size", "volume"), ("ip.floating", "address")):
            made = hashmap.create_service(service).service_id
            hashmap.create_mapping(cost=prices[price], map_type="flat", service_id=made,
                                   start=since, name=price, created_by="compare")

    def rate(self, project, start, hours):
        """Lets its worker work through hours of a project; gives the clock of its steps."""
        from cloudkitty import storage_state
        from cloudkitty.orchestrator import Worker
        clock = Clock()

        class Timed(Worker):
            def _do_collection(self, metrics, timestamp):
                with clock.running("collect"):
                    return super()._do_collection(metrics, timestamp)

            def execute_measurements_rating(self, end_time, start_time, usage_data):
                with clock.running("rate"):
                    return super().execute_measurements_rating(end_time, start_time, usage_data)

            def persist_rating_data(self, end_time, frame, start_time):
                with clock.running("store"):
                    super().persist_rating_data(end_time, frame, start_time)

        before = start - dt.timedelta(hours=1)
        storage_state.StateManager().set_last_processed_timestamp(project, before)
        worker = Timed(self.collector, self.storage, project, 0)
        for processor in worker._processors:
            if processor.obj.module_name == "hashmap":
                processor.obj.process = _timed(clock, processor.obj.process)
        with clock.running("all"):
            for _ in range(hours):
                if not worker.execute_worker_processing():
                    raise SystemExit("CloudKitty has no more to work through; see cloudkitty.log")
        return clock

    def points(self, project, start, end):
        """`[(type, resource, hour, quantity, price)]`, as it stored them."""
        found, offset = [], 0
        while True:
            page = self.storage.retrieve(
                begin=start, end=end, filters={"project_id": [project]}, offset=offset, limit=1000)
            rows = [
                (service, point.desc["id"], frame.start, point.qty, point.price)
                for frame in page["dataframes"] for service, point in frame.iterpoints()
            ]
            found += rows
            offset += len(rows)
            if not rows or offset >= page["total"]:
                return found


def _timed(clock, process):
    def timed(data):
        with clock.running("hashmap"):
            return process(data)
    return timed
