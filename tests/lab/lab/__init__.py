"""A real OpenStack on one small machine, for the tests and for people who want to try Billow.

Every service is the upstream release, run by hand from one virtualenv: nothing is mocked, all
listens on 127.0.0.1, and everything lies in one work folder. `README.md` beside this package
tells how to use it; the modules are:

place       the work folder and the ports of one lab
process     child processes that never outlive the lab
service     what a service is: its configuration, processes and health
backing     MariaDB, RabbitMQ, InfluxDB
identity, compute, network, storage, telemetry     the OpenStack services
schema      databases made once and copied into each lab
api         a small client of the APIs
world       what lives in the cloud: domains, projects, people, flavors, images, networks
lab         brings the services up, each when what it needs is healthy, and down
control     the lab's own API: states, stop, start
supervisor  one lab from its start to its end
"""
