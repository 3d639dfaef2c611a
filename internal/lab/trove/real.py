"""Runs Trove's own API and task manager without an OpenStack: a database in SQLite, and the fakes of Nova, Cinder and
Neutron that Trove ships for its tests.

It needs Debian's python3-trove, written for Trove 18 (Zed). One argument: a folder for the database. Prints the address
of the API, then answers a JSON object a line on standard input by one on standard output: an error, or the result of the
command with the notifications that Trove has sent meanwhile. It ends with its standard input.

The API stands behind oslo's keystonemiddleware in a real cloud. Here whoever asks says who it is: X-Tenant-Id, X-Role.
"""
import json
import os
import sys

import eventlet

eventlet.monkey_patch()

from eventlet import tpool, wsgi as server  # noqa: E402

from trove.common import cfg  # noqa: E402
from trove import rpc  # noqa: E402

CONF = cfg.CONF
SETTINGS = """
[DEFAULT]
transport_url = fake://
region = LOCAL_DEV
host = 127.0.0.1
remote_nova_client = trove.tests.fakes.nova.fake_create_nova_client
remote_cinder_client = trove.tests.fakes.nova.fake_create_cinder_client
remote_neutron_client = trove.tests.fakes.neutron.fake_create_neutron_client
remote_guest_client = __main__.guest
volume_time_out = 10
server_delete_time_out = 5
usage_sleep_time = 1
[service_credentials]
region_name = LOCAL_DEV
[oslo_messaging_notifications]
driver = test
[database]
connection = sqlite:///{folder}/trove.sqlite
"""


class Guest:
    """A guest agent without work: every call returns at once."""

    def get_volume_info(self):
        return {"used": 0.1, "total": 1.0}

    def __getattr__(self, name):
        return lambda *_, **__: None


def guest(context, id, manager=None):
    return Guest()


class Request:
    """The parts of the API's request that notifications read."""

    remote_addr = host = "127.0.0.1"
    environ = {}


def configure(folder):
    name = os.path.join(folder, "trove.conf")
    with open(name, "w") as file:
        file.write(SETTINGS.format(folder=folder))
    CONF(["--config-file", name], project="trove")


def patch_fakes():
    """Adds missing parts to the fakes of Trove 18, and shortens their waits."""
    from trove.common import utils
    from trove.taskmanager import models as tasks
    from trove.tests.fakes import nova

    poll = utils.poll_until
    utils.poll_until = lambda retriever, condition=lambda value: value, sleep_time=1, time_out=0, initial_delay=0: \
        poll(retriever, condition, sleep_time=0.05, time_out=time_out)
    nova.FakeVolume.delete = lambda self: None
    list_all = nova.FakeVolumes.list
    nova.FakeVolumes.list = lambda self, detailed=True, search_opts=None: list_all(self)
    nova.FakeServers.list = lambda self, **_: list(self.db.values())
    nova.FakeServers.can_see = nova.FakeVolumes.can_see = lambda self, id: True  # Trove asks with an account of its own
    nova.FakeServer.tenant_id = "service"
    nova.FakeServer.schedule_status = lambda self, status, seconds: setattr(self, "_current_status", status)
    status = nova.FakeServer.status
    nova.FakeServer.status = property(lambda self: status.fget(self).replace("HEALTHY", "ACTIVE"))
    tasks.BuiltInstanceTasks.guest = property(lambda self: Guest())


class Cloud:
    def __init__(self):
        from trove.common.context import TroveContext
        from trove.datastore import models as datastores
        from trove.db import get_db_api
        from trove.db.sqlalchemy import session

        get_db_api().db_sync(CONF)
        session.configure_db(CONF)
        rpc.init(CONF)
        self.context = TroveContext(user="trove", project_id="service", is_admin=True)
        datastores.update_datastore("mysql", None)
        datastores.update_datastore_version("mysql", "5.7.29", "mysql", "image", "", "", 1)
        self.version = datastores.DBDatastoreVersion.find_by(name="5.7.29")
        self.flavors = {name: {"id": name, "name": name, "ram": ram} for name, ram in (("10", 512), ("2", 2048))}

    def build(self, tenant, name, flavor, volume, **more):
        """Begins to build a database."""
        from trove.common import clients
        from trove.instance import models, service_status
        from trove.instance.tasks import InstanceTasks

        machine = clients.create_nova_client(self.context).servers.create(name, "image", flavor)
        disk = clients.create_cinder_client(self.context).volumes.create(volume, "volume")
        row = models.DBInstance.create(
            name=name, flavor_id=flavor, tenant_id=tenant, volume_size=volume, volume_id=disk.id,
            compute_instance_id=machine.id, datastore_version_id=self.version.id, task_status=InstanceTasks.BUILDING,
            region_id="LOCAL_DEV", **more)
        models.InstanceServiceStatus.create(instance_id=row.id, status=service_status.ServiceStatuses.BUILDING)
        return row.id

    def activate(self, id):
        """Ends a build: the guest agent reports a healthy database."""
        from trove.instance import models, service_status
        from trove.taskmanager import models as tasks

        state = models.InstanceServiceStatus.find_by(instance_id=id)
        state.set_status(service_status.ServiceStatuses.HEALTHY)
        state.save()
        flavor = models.DBInstance.find_by(id=id).flavor_id
        tasks.FreshInstanceTasks.load(self.context, id).wait_for_instance(10, self.flavors[flavor])

    def fail(self, id):
        """Ends a build with an error."""
        from trove.instance import models
        from trove.instance.tasks import InstanceTasks

        row = models.DBInstance.find_by(id=id)
        row.task_status = InstanceTasks.BUILDING_ERROR_SERVER
        row.save()

    def delete(self, id):
        from trove.common import notification
        from trove.taskmanager.manager import Manager

        self.context.notification = notification.DBaaSInstanceDelete(self.context, request=Request())
        self.context.notification.server_type = "taskmanager"
        notification.StartNotification(self.context, instance_id=id).__enter__()
        Manager().delete_instance(self.context, id)

    def exists(self):
        from trove.extensions.mgmt.instances import models as mgmt

        mgmt.publish_exist_events(mgmt.NotificationTransformer(context=self.context), self.context)


def sent():
    """The notifications since the last time, as oslo.messaging's first version of the wire has them."""
    from oslo_messaging.notify import _impl_test

    messages = [json.loads(json.dumps(message, default=str)) for _, message, _, _ in _impl_test.NOTIFICATIONS]
    _impl_test.reset()
    return messages


def application():
    """Trove's API in the order of its api-paste.ini, without authtoken and the limits of requests."""
    from trove.common import api, auth, extensions, wsgi

    app = extensions.ExtensionMiddleware.factory({})(api.API())
    app = wsgi.ContextMiddleware(app)
    app = auth.AuthorizationMiddleware(app, [auth.TenantBasedAuth()])
    app = wsgi.FaultWrapper(app)

    def v1(environ, start_response):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/v1.0", environ["PATH_INFO"].replace("/v1.0", "", 1)
        return app(environ, start_response)

    return v1


def main(folder):
    configure(folder)
    patch_fakes()
    cloud = Cloud()
    listener = eventlet.listen(("127.0.0.1", 0))
    eventlet.spawn(server.server, listener, application(), open(os.devnull, "w"))
    print("http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        line = tpool.execute(sys.stdin.readline)
        if not line:
            return
        command = json.loads(line)
        try:
            answer = {"result": getattr(cloud, command.pop("do"))(**command)}
        except Exception as error:
            answer = {"error": repr(error)}
        answer["sent"] = sent()
        print(json.dumps(answer), flush=True)


main(*sys.argv[1:])
