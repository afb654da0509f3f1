"""Where tools run: boxes, one per session, owned by one host process per machine; `egress/` is their only way out.

Why a host process apart from web and workers: a session's shell, working directory and files outlive the worker that
serves a turn. `client` talks to it over a private unix socket; `host` owns the boxes; `box/` is the code that runs
inside one, as process 1 of its own namespace, so that nothing in there can stop or kill it.

Why the file tools run inside the box: a link or a path can only ever reach what the session's mounts hold. What the
host itself reads and writes in session folders goes through `folders`, which follows no link at all.

Why the packages of an environment are installed once for a list, in a folder of the host that boxes see read-only: what
a session waits for, another has had already, and what one does to them, no other sees. `packages` has the installs,
each in a box of its own, because the code of a package is nobody's; `installers` knows how each manager is asked, and
`mirrors` where. Why no image: to build one takes root; a folder at the same place in every box takes none, and what apt
would configure as root is unpacked without.

Why bubblewrap: no daemon, no root, no image; 25 ms to open a box. Where it cannot work, tools are off and say why.
"""
