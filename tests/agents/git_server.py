"""Repositories behind https, as a host of repositories serves them: a certificate of its own, some of them private."""

import base64
import datetime
import ipaddress
import ssl
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOKEN = "ghp_" + "s3cret" * 6
PRIVATE = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        sent = self.headers.get("authorization")
        if self.path.startswith("/acme/forbidden"):
            return self.send_error(403)
        if self.path.startswith("/acme/moved"):
            self.send_response(301)
            self.send_header("location", self.path.replace("moved", "tools"))
            return self.end_headers()
        if self.path.startswith("/acme/private") and sent != PRIVATE:
            self.send_response(401)
            self.send_header("www-authenticate", "Basic")
            return self.end_headers()
        return super().do_GET()

    def log_message(self, *arguments):
        pass


@contextmanager
def running_git_server(folder):
    """Its host and port, and the certificate to trust."""
    for name in ("tools", "private", "forbidden"):
        make_repository(folder, name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    certificate = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", str(certificate)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_repository(folder, name):
    work = folder / f"work-{name}"
    work.mkdir(parents=True)
    git(work, "init", "-q", "-b", "main")
    (work / "README.md").write_text(f"{name} on main\n")
    (work / "link").symlink_to("/etc/passwd")
    commit(work)
    git(work, "checkout", "-q", "-b", "feature/x")
    (work / "README.md").write_text(f"{name} on a branch\n")
    commit(work)
    git(work, "checkout", "-q", "main")
    bare = folder / "acme" / name
    git(folder, "clone", "-q", "--bare", str(work), str(bare))
    git(bare, "update-server-info")


def commit(work):
    git(work, "add", "-A")
    git(work, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "x")


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def make_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path
