"""Sends notifications with oslo.messaging's own Notifier, as OpenStack's services do.

One JSON object a line on standard input: publisher_id, event_type, payload, and optionally context, priority. For each,
"sent" is printed when the broker has it. Arguments: URL EXCHANGE TOPIC DRIVER [COMPRESSION] [DURABLE]
"""
import json
import os
import queue
import sys
import threading

from oslo_config import cfg
import oslo_messaging


def read(lines):
    """Puts the lines of standard input into the queue. At its end the process ends, even while it waits for a broker
    that is away: whoever wrote to it has closed it, or is gone."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def main(url, exchange, topic, driver, compression="", durable=""):
    conf = cfg.ConfigOpts()
    conf([])
    oslo_messaging.set_transport_defaults(control_exchange=exchange)
    transport = oslo_messaging.get_notification_transport(conf, url=url)
    conf.set_override("driver", [driver], group="oslo_messaging_notifications")
    conf.set_override("kombu_reconnect_delay", 0.1, group="oslo_messaging_rabbit")
    conf.set_override("rabbit_retry_interval", 1, group="oslo_messaging_rabbit")
    if compression:
        conf.set_override("kombu_compression", compression, group="oslo_messaging_rabbit")
    if durable:
        conf.set_override("amqp_durable_queues", True, group="oslo_messaging_rabbit")
    notifier = oslo_messaging.Notifier(transport, driver=driver, topics=[topic])
    lines = queue.Queue()
    threading.Thread(target=read, args=(lines,), daemon=True).start()
    print("ready", flush=True)
    while True:
        n = json.loads(lines.get())
        send = getattr(notifier.prepare(publisher_id=n["publisher_id"]), n.get("priority", "info"))
        send(n.get("context", {}), n["event_type"], n["payload"])
        print("sent", flush=True)


main(*sys.argv[1:])
