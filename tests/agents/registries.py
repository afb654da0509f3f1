"""Registries on loopback with packages made here: an index for pip, a registry for npm, a repository for apt."""

import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote

from tests.agents.sandboxes import running_host
from tests.loopback import serving

# What the code of a package gets to see while it is being installed, kept in the package for whoever looks later.
NOSY = """
import json, os, socket, zipfile

PLACES = ("/mnt", "/mnt/session", "/mnt/memory", "/opt/packages")

def reaches(port):
    with socket.create_connection(("127.0.0.1", 3128), timeout=60) as proxy:
        proxy.sendall(f"GET http://localhost:{port}/ HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n".encode())
        return proxy.makefile("rb").readline().decode()

def build_wheel(folder, config_settings=None, metadata_directory=None):
    seen = {
        "environment": dict(os.environ),
        "files": {place: sorted(os.listdir(place)) for place in PLACES},
        "own": sorted(os.listdir("/workspace")),
        "other_port": reaches(1),
    }
    name = "nosy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("nosy.py", f"SEEN = {seen!r}")
        wheel.writestr("nosy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: nosy\\nVersion: 1.0\\n")
        wheel.writestr("nosy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("nosy-1.0.dist-info/RECORD", "")
    return name
"""


def wheel(name, version):
    data = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n\n\ndef main():\n    print('{name} says', VERSION)\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name}-say = {name}:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}-{version}-py3-none-any.whl", data.getvalue()


def tarball(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text.encode()), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def source(name):
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files = {"PKG-INFO": head, "pyproject.toml": build, "backend.py": NOSY}
    return f"{name}-1.0.tar.gz", tarball({f"{name}-1.0/{path}": text for path, text in files.items()})


def node_package(name, version):
    program = name.rpartition("/")[2]
    made = {
        "name": name,
        "version": version,
        "main": "index.js",
        "bin": {f"{program}-say": "say.js"},
        "scripts": {"postinstall": "echo made > made"},
    }
    said = f"exports.say = () => '{name} says {version}'\n"
    files = {"package.json": json.dumps(made), "index.js": said}
    files["say.js"] = "#!/usr/bin/env node\nconsole.log(require('./index.js').say())\n"
    return made, tarball({f"package/{path}": text for path, text in files.items()})


class Registry(BaseHTTPRequestHandler):
    """Serves `server.python` and `server.node`; a file named in `server.held` is not answered before its event."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("authorization")))
        kind, _, rest = unquote(self.path).lstrip("/").partition("/")
        found = {"simple": self.index, "wheels": self.file, "npm": self.packument, "apt": self.repository}.get(kind)
        body, content_type = (found and found(rest)) or (None, "")
        self.send_response(200 if body is not None else 404)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def index(self, name):
        names = [file for file in self.server.python if file.partition("-")[0] == name.strip("/")]
        links = "".join(f'<a href="/wheels/{file}">{file}</a>' for file in names)
        return links.encode() if links else None, "text/html"

    def file(self, name):
        if hold := self.server.held.get(name):
            self.server.reached.set()
            hold.wait(300)
        return self.server.python.get(name), "application/octet-stream"

    def packument(self, name):
        if name.endswith(".tgz"):
            return self.server.node[name.removesuffix(".tgz")][1], "application/octet-stream"
        versions = {}
        for key, (made, data) in self.server.node.items():
            if made["name"] == name:
                integrity = f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"
                tarball = f"http://localhost:{self.server.port}/npm/{key}.tgz"
                versions[made["version"]] = {**made, "dist": {"tarball": tarball, "integrity": integrity}}
        if not versions:
            return None, ""
        told = {"name": name, "dist-tags": {"latest": max(versions)}, "versions": versions}
        return json.dumps(told).encode(), "application/json"

    def repository(self, path):
        return self.server.debian.get(path), "application/octet-stream"

    def log_message(self, *args):
        pass


@contextmanager
def running_registry(context=None):
    with serving(Registry, context=context) as server:
        server.seen, server.held, server.reached, server.debian = [], {}, threading.Event(), {}
        server.python, server.node = python_packages(), node_packages()
        try:
            yield server
        finally:
            for hold in server.held.values():
                hold.set()


def python_packages():
    wheels = [("tiny", "1.0"), ("tiny", "2.0"), ("slow", "1.0"), ("calm", "1.0"), ("once", "1.0")]
    return dict([*(wheel(name, version) for name, version in wheels), source("nosy")])


def node_packages():
    packages = [node_package("small", "1.0.0"), node_package("small", "2.0.0"), node_package("@scope/part", "1.0.0")]
    return {f"{made['name']}-{made['version']}": (made, data) for made, data in packages}


def debian_package(folder):
    """A program and the library's folder of it, in the shape of a repository."""
    made = Path(folder, "hello-lucid")
    (made / "DEBIAN").mkdir(parents=True)
    control = "Package: hello-lucid\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@a.io>\nDescription: says hello\n"
    (made / "DEBIAN" / "control").write_text(control)
    (made / "usr" / "bin").mkdir(parents=True)
    program = made / "usr" / "bin" / "hello-lucid"
    program.write_text("#!/bin/sh\necho hello from a package\n")
    program.chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", made, Path(folder, "hello.deb")], check=True)
    data = Path(folder, "hello.deb").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    told = f"{control}Filename: ./hello.deb\nSize: {len(data)}\nSHA256: {digest}\n"
    return {"./hello.deb": data, "hello.deb": data, "./Packages": told.encode(), "Packages": told.encode()}


@contextmanager
def running_package_host(registry, *options, user=None, environment=None):
    address = f"http://localhost:{registry.port}"
    mirrors = {"PIP_INDEX_URL": f"{address}/simple/", "NPM_CONFIG_REGISTRY": f"{address}/npm/"}
    unset = {name: None for name in os.environ if name.startswith("PIP_")}
    variables = {**unset, **mirrors, **(environment or {})}
    with running_host("--egress", *options, user=user, environment=variables) as host:
        yield host
