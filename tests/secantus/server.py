"""Runs SecantusDB, a server by other people that speaks MongoDB's protocol, with its data in memory.

Prints the port, and ends when its stdin does, so that it never outlives a test.
"""

import os
import socket
import sys

from secantus import SecantusDBServer

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = SecantusDBServer(host="127.0.0.1", port=port, storage_path=":memory:")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop()
os._exit(0)
