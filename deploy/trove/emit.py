#!/usr/bin/python3
"""Emits notifications from Trove's own code without an OpenStack, to try a collector.

It needs Debian's python3-trove (apt-get install --no-install-recommends python3-trove) and runs the taskmanager's code
against the fakes that Trove ships for its tests: one database lives through create, a volume's resize, a change of flavour
and delete, with an exists in between. Everything is sent by oslo.messaging as Trove's configuration would have it.

    emit.py rabbit://guest:guest@127.0.0.1:5672/ --exchange trove --topic notifications

Prints the instance's id when everything has been sent. Written for Trove 18 (Zed).
"""
import argparse
import os
import sys
import tempfile

import eventlet

eventlet.monkey_patch()

from trove.common import cfg  # noqa: E402
from trove import rpc  # noqa: E402

CONF = cfg.CONF
TENANT, USER = "1bd558252da84dbf91bd50e379680b7a", "dd2b7a976381419a93f3234050c07bd5"


SETTINGS = """
[DEFAULT]
transport_url = {url}
control_exchange = {exchange}
region = LOCAL_DEV
host = 127.0.0.1
remote_nova_client = trove.tests.fakes.nova.fake_create_nova_client
remote_cinder_client = trove.tests.fakes.nova.fake_create_cinder_client
remote_neutron_client = trove.tests.fakes.neutron.fake_create_neutron_client
remote_guest_client = trove.tests.fakes.guestagent.fake_create_guest_client
volume_time_out = 10
server_delete_time_out = 5
usage_sleep_time = 1
[oslo_messaging_notifications]
driver = messagingv2
topics = {topic}
[oslo_messaging_rabbit]
amqp_durable_queues = {durable}
[database]
connection = sqlite:///{folder}/trove.sqlite
"""


def configure(arguments, folder):
    name = os.path.join(folder, "trove.conf")
    with open(name, "w") as file:
        file.write(SETTINGS.format(folder=folder, **vars(arguments)))
    CONF(["--config-file", name], project="trove")


def patch_fakes():
    """Adds missing parts to the fakes of Trove 18, and shortens their waits."""
    from trove.common import utils
    from trove.tests.fakes import nova

    poll = utils.poll_until
    utils.poll_until = lambda retriever, condition=lambda value: value, sleep_time=1, time_out=0, initial_delay=0: \
        poll(retriever, condition, sleep_time=0.2, time_out=time_out)

    nova.FakeVolume.delete = lambda self: None
    list_all = nova.FakeVolumes.list
    nova.FakeVolumes.list = lambda self, detailed=True, search_opts=None: list_all(self)

    def extend(self, volume_id, new_size):
        self.db[volume_id].size = new_size

    nova.FakeVolumes.extend = extend
    status = nova.FakeServer.status
    nova.FakeServer.status = property(lambda self: status.fget(self).replace("HEALTHY", "ACTIVE"))


class Guest:
    """A guest agent without work: every call returns at once."""

    def __getattr__(self, name):
        return lambda *_, **__: None


class Request:
    """The parts of the API's request that notifications read."""

    remote_addr = host = "127.0.0.1"
    environ = {}


def end_with_parent():
    """Ends this process when its parent is gone: it would wait for a broker that is away for ever."""
    parent = os.getppid()
    while os.getppid() == parent:
        eventlet.sleep(1)
    os._exit(1)


def live(arguments):
    from trove.common import clients, notification
    from trove.common.context import TroveContext
    from trove.datastore import models as datastores
    from trove.db import get_db_api
    from trove.db.sqlalchemy import session
    from trove.extensions.mgmt.instances import models as mgmt
    from trove.instance import models, service_status
    from trove.instance.tasks import InstanceTasks
    from trove.taskmanager import models as tasks
    from trove.taskmanager.manager import Manager

    get_db_api().db_sync(CONF)
    session.configure_db(CONF)
    rpc.init(CONF)
    context = TroveContext(user=USER, project_id=TENANT, is_admin=True, auth_token=arguments.token)
    tasks.BuiltInstanceTasks.guest = property(lambda self: Guest())

    datastores.update_datastore("mysql", None)
    datastores.update_datastore_version("mysql", "5.7.29", "mysql", "image", "", "", 1)
    version = datastores.DBDatastoreVersion.find_by(name="5.7.29")
    server = clients.create_nova_client(context).servers.create("test", "image", "10")
    volume = clients.create_cinder_client(context).volumes.create(1, "volume")
    row = models.DBInstance.create(
        name="test", flavor_id="10", tenant_id=TENANT, volume_size=1, volume_id=volume.id, compute_instance_id=server.id,
        datastore_version_id=version.id, task_status=InstanceTasks.BUILDING, region_id="LOCAL_DEV")
    state = models.InstanceServiceStatus.create(instance_id=row.id, status=service_status.ServiceStatuses.BUILDING)

    def exists():
        mgmt.publish_exist_events(mgmt.NotificationTransformer(context=context), context)

    def call(kind, method, *values, **traits):
        """Does a request as the API and the taskmanager do it."""
        context.notification = kind(context, request=Request())
        context.notification.server_type = "taskmanager"
        notification.StartNotification(context, instance_id=row.id, **traits).__enter__()
        getattr(Manager(), method)(context, row.id, *values)

    def heartbeat():
        """The guest agent's heartbeat: it reports a healthy database whenever the taskmanager waits for one."""
        while True:
            status = models.InstanceServiceStatus.find_by(instance_id=row.id)
            if status.status == service_status.ServiceStatuses.PAUSED:
                status.set_status(service_status.ServiceStatuses.HEALTHY)
                status.save()
            eventlet.sleep(0.3)

    exists()
    eventlet.sleep(3)  # until the fakes have started the server and made the volume
    state.set_status(service_status.ServiceStatuses.HEALTHY)
    state.save()
    eventlet.spawn(heartbeat)
    flavors = {name: {"id": name, "name": name, "ram": ram} for name, ram in (("10", 512), ("2", 2048))}
    tasks.FreshInstanceTasks.load(context, row.id).wait_for_instance(10, flavors["10"])
    exists()
    call(notification.DBaaSInstanceResizeVolume, "resize_volume", 3, new_size=3)
    call(notification.DBaaSInstanceResizeInstance, "resize_flavor", flavors["10"], flavors["2"], new_flavor_id="2")
    exists()
    call(notification.DBaaSInstanceDelete, "delete_instance")
    print(row.id)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="transport_url of oslo.messaging, rabbit://user:password@host:port/vhost")
    parser.add_argument("--exchange", default="trove", help="control_exchange")
    parser.add_argument("--topic", default="notifications", help="topics of oslo_messaging_notifications")
    parser.add_argument("--durable", action="store_true", help="amqp_durable_queues")
    parser.add_argument("--token", default="", help="a token in the request's context, to see that it goes nowhere")
    arguments = parser.parse_args()
    eventlet.spawn(end_with_parent)
    with tempfile.TemporaryDirectory() as folder:
        configure(arguments, folder)
        patch_fakes()
        live(arguments)


if __name__ == "__main__":
    sys.exit(main())
