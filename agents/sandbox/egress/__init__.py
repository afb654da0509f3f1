"""How commands in a box reach the network: one proxy process per sandbox host, a listener in each box.

Why no forwarder inside the box: before an agent's first command runs, the box's first process opens a listener on the
loopback of its own network and hands it out over a unix socket. The proxy accepts on it from outside. So nothing in a
box can stop the way out, take it over, or find that of another box; no socket file is mounted, no process is added.

Why a process of its own, started when something first wants out: clients in boxes are hostile, and hosts that nobody
needs a network on pay nothing. It ends with the host; `gates` is the host's side, `proxy` the other.
"""
