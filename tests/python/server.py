"""Runs flask_site.py or django_site.py: server.py SITE URI DATABASE.

Prints the port, and ends when its stdin does, so that it never outlives a test.
"""

import importlib
import os
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


site, uri, database = sys.argv[1:]
application = importlib.import_module(site).application(uri, database)
server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
