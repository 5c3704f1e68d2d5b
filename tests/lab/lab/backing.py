"""What the services stand on: MariaDB, RabbitMQ and (for CloudKitty) InfluxDB."""

import base64
import hashlib
import json
import shutil
import socket

import amqp
import pymysql

from . import schema
from .api import http
from .place import HOST, PASSWORD
from .service import NotYet, Service

# The account that Billow gets, and the only names it may make (docs: connecting the broker).
BILLOW_NAMES = r"^billow\..*"


def mariadb_command(place):
    """MariaDB on a folder of ours. Durability is nothing to a lab."""
    return [
        "mariadbd", "--no-defaults",
        *(["--user=root"] if schema.is_root() else []),
        f"--datadir={place.data / 'mariadb'}",
        f"--socket={place.run / 'mariadb.sock'}",
        f"--pid-file={place.run / 'mariadb.pid'}",
        f"--port={place.ports['mariadb']}",
        f"--bind-address={HOST}",
        "--max-connections=1000",
        "--skip-name-resolve",
        "--skip-innodb-doublewrite",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
        "--innodb-buffer-pool-size=192M",
        "--innodb-log-file-size=32M",
        "--performance-schema=off",
    ]


def connect(place, database=None):
    """A connection to MariaDB as the lab's user."""
    return pymysql.connect(
        host=HOST, port=place.ports["mariadb"], user="lab", password=PASSWORD, database=database,
        autocommit=True,
    )


def prepare_mariadb(lab):
    """A copy of the databases that were made once."""
    shutil.copytree(lab.databases, lab.place.data, dirs_exist_ok=True)


def mariadb_healthy(lab):
    """It takes a connection."""
    try:
        connect(lab.place).close()
    except pymysql.err.OperationalError as error:
        raise NotYet(str(error)) from None


mariadb = Service(
    name="mariadb",
    needs=(),
    prepare=prepare_mariadb,
    processes=lambda lab: {"mariadb": (mariadb_command(lab.place), {})},
    healthy=mariadb_healthy,
    backing=True,
)


def _password_hash(password):
    """RabbitMQ's form: a salt of four bytes, and the salted SHA-256."""
    salt = b"lab\0"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def prepare_rabbitmq(lab):
    """Configuration, and its users: the services', and Billow's with the smallest rights."""
    place = lab.place
    definitions = place.etc / "rabbitmq.json"
    user = {"password_hash": _password_hash(PASSWORD),
            "hashing_algorithm": "rabbit_password_hashing_sha256"}
    all_names = {"vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    definitions.write_text(json.dumps({
        "vhosts": [{"name": "/"}],
        "users": [user | {"name": "lab", "tags": ["administrator"]},
                  user | {"name": "billow", "tags": []}],
        "permissions": [
            all_names | {"user": "lab"},
            # Binding a queue reads the exchange and writes the queue.
            all_names | {"user": "billow", "configure": BILLOW_NAMES, "write": BILLOW_NAMES},
        ],
    }))
    (place.etc / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = {place.address('rabbitmq')}\n"
        "loopback_users = none\n"
        "definitions.import_backend = local_filesystem\n"
        f"definitions.local.path = {definitions}\n"
        "log.console = true\nlog.file = false\n"
    )
    (place.etc / "rabbitmq-plugins").write_text("[].\n")
    (place.data / "rabbitmq").mkdir(exist_ok=True)


def rabbitmq_processes(lab):
    """The broker, and Erlang's name service on a port of ours: started by the broker itself it
    would stay behind, on all addresses."""
    place = lab.place
    home = place.data / "rabbitmq"
    environment = {
        "HOME": home,
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": place.ports["epmd"],
        "RABBITMQ_NODENAME": "lab@localhost",
        "RABBITMQ_MNESIA_BASE": home / "mnesia",
        "RABBITMQ_LOG_BASE": place.log,
        "RABBITMQ_CONFIG_FILE": place.etc / "rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": place.etc / "rabbitmq-plugins",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_DIST_PORT": place.ports["rabbitmq_dist"],
        # Its script replaces itself by Erlang only so; without a terminal Erlang must read none.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
            "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
            " -kernel inet_dist_use_interface {127,0,0,1}",
    }
    # Not the one on PATH: that insists on a user of its own.
    server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    return {
        "epmd": (["epmd", "-address", HOST, "-port", place.ports["epmd"]], {}),
        "rabbitmq": ([server], environment),
    }


def rabbitmq_healthy(lab):
    """Both users can sign in."""
    for user in ("lab", "billow"):
        try:
            open_broker(lab.place, user).close()
        except (OSError, socket.timeout, amqp.exceptions.AMQPError) as error:
            raise NotYet(f"{user}: {error}") from None


def open_broker(place, user="lab"):
    """A connection to the broker."""
    connection = amqp.Connection(
        host=place.address("rabbitmq"), userid=user, password=PASSWORD, connect_timeout=5,
    )
    connection.connect()
    return connection


rabbitmq = Service(
    name="rabbitmq",
    needs=(),
    prepare=prepare_rabbitmq,
    processes=rabbitmq_processes,
    healthy=rabbitmq_healthy,
    backing=True,
)


def prepare_influxdb(lab):
    """Configuration."""
    place = lab.place
    folder = place.data / "influxdb"
    (place.etc / "influxdb.conf").write_text(f"""
reporting-disabled = true
bind-address = "{place.address('influxdb_rpc')}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "{place.address('influxdb')}"
auth-enabled = false
log-enabled = false
[monitor]
store-enabled = false
""")


def influxdb_healthy(lab):
    """It answers, and CloudKitty's database is there."""
    try:
        http("POST", lab.place.url("influxdb", "/query?q=CREATE+DATABASE+cloudkitty"))
    except OSError as error:
        raise NotYet(str(error)) from None


influxdb = Service(
    name="influxdb",
    needs=(),
    prepare=prepare_influxdb,
    processes=lambda lab: {
        "influxdb": (["influxd", "run", "-config", lab.place.etc / "influxdb.conf"], {}),
    },
    healthy=influxdb_healthy,
    backing=True,
)
