"""What code in a sandbox tries, kept as data: each attempt prints REACHED when it gets somewhere it must not.

`T` holds what there is to reach, on the machine that runs the tests. Attempts of OUTSIDE succeed when they are made out
of a sandbox, which the tests check, so that none of them fails for a reason of its own."""

import json
import subprocess
import sys

HELP = """
import ctypes, json, os, socket, struct, sys
T = json.load(open(sys.argv[1]))
libc = ctypes.CDLL(None, use_errno=True)
def reached(what=""): print("REACHED", what)
def talk(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as line:
        line.settimeout(60)
        line.connect(address)
        reached(line.recv(100))
def through(request):
    with socket.create_connection(("127.0.0.1", 3128), timeout=60) as line:
        line.sendall(request.encode())
        told = line.makefile("rb").readline().decode()
    if told.split()[1] == "200": reached(told)
"""

OUTSIDE = {
    "read a secret file": "reached(open(T['secret']).read())",
    "read the database": "reached(open(T['database'], 'rb').read(16))",
    "list the data folder": "reached(os.listdir(T['data']))",
    "read another session's file": "reached(open(T['neighbour']).read())",
    "write into another session's folder": "open(T['neighbour'] + '.new', 'w').close(); reached()",
    "link a secret file": "os.link(T['secret'], T['secret'] + '.link'); reached()",
    "signal the sandbox host": "os.kill(T['host_pid'], 0); reached()",
    "read the host's environment": "reached(open(f\"/proc/{T['host_pid']}/environ\").read())",
    "read the host's memory map": "reached(open(f\"/proc/{T['host_pid']}/maps\").read(80))",
    "list the host's files": "reached(os.listdir(f\"/proc/{T['host_pid']}/fd\"))",
    "see who else runs": "reached([p for p in os.listdir('/proc') if p == str(T['host_pid'])].pop())",
    "connect to a port on 127.0.0.1": "talk(socket.AF_INET, ('127.0.0.1', T['port']))",
    "connect to a port on ::1": "talk(socket.AF_INET6, ('::1', T['port6']))",
    "connect to a port on the machine's address": "talk(socket.AF_INET, (T['address'], T['wide_port']))",
    "connect by a mapped address": "talk(socket.AF_INET6, ('::ffff:127.0.0.1', T['port']))",
    "connect to a unix socket": "talk(socket.AF_UNIX, T['unix'])",
    "connect to an abstract unix socket": "talk(socket.AF_UNIX, '\\0' + T['abstract'])",
    "connect to the sandbox host": "socket.socket(socket.AF_UNIX).connect(T['host_socket']); reached()",
    "send a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', (T['address'], 53)); reached()",
}

INSIDE = {
    "read a file through the first process": "reached(open('/proc/1/root' + T['secret']).read())",
    "read the first process's environment": "reached(open('/proc/1/environ').read())",
    "read the first process's memory": "reached(open('/proc/1/mem', 'rb').read(1))",
    "list the first process's files": "reached(os.listdir('/proc/1/fd'))",
    "trace the first process": "libc.ptrace(16, 1, 0, 0) == 0 and reached()",
    "read the first process's memory by call": (
        "b = ctypes.create_string_buffer(8); v = (ctypes.c_void_p * 2)(ctypes.addressof(b), 8);"
        "r = (ctypes.c_void_p * 2)(0x400000, 8); libc.process_vm_readv(1, v, 1, r, 1, 0) > 0 and reached()"
    ),
    "take a file of the first process": "fd = libc.syscall(434, 1, 0); libc.syscall(438, fd, 0, 0) >= 0 and reached()",
    "enter the first process's network": "os.setns(os.open('/proc/1/ns/net', 0)); reached()",
    "enter the host's namespaces": "os.setns(os.pidfd_open(T['host_pid']), 0x7e020000); reached()",
    "inherit a connection": (
        "[reached(os.readlink(f'/proc/self/fd/{fd}')) for fd in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{fd}') and 'socket' in os.readlink(f'/proc/self/fd/{fd}')]"
    ),
    "find a secret in any environment": (
        "[reached(p) for p in os.listdir('/proc') if p.isdigit() and os.access(f'/proc/{p}/environ', os.R_OK)"
        " and b'not for agents' in open(f'/proc/{p}/environ', 'rb').read()]"
    ),
    "make a user namespace": "os.unshare(0x10000000); reached()",
    "make a network namespace": "os.unshare(0x40000000); reached()",
    "mount": "libc.mount(b'/', b'/tmp', None, 4096, None) == 0 and reached()",
    "change the root": "os.chroot('/tmp'); reached()",
    "become root": "os.setuid(0); reached()",
    "make a device": "os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0)); reached()",
    "read the machine's memory": "reached(open('/dev/mem', 'rb').read(1))",
    "read the kernel's log": "reached(open('/dev/kmsg').read(1))",
    "change the kernel's settings": "open('/proc/sys/kernel/hostname', 'w').write('x'); reached()",
    "rename the machine": "socket.sethostname('x'); reached()",
    "type into a terminal": "import fcntl; fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), 0x5412, b'x'); reached()",
    "share memory with others": "[reached(n) for n in os.listdir('/dev/shm')]",
    "open a raw socket": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); reached()",
    "open a packet socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3); reached()",
    "speak to the hypervisor": "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM); reached()",
    "use the kernel's ciphers": "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET); reached()",
    "watch the kernel's audit": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9).bind((0, 1)); reached()",
    "look a name up": "reached(socket.getaddrinfo('example.com', 80))",
    "ask a name server": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x' * 20, ('9.9.9.9', 53)); reached()",
    "connect to a public address": "talk(socket.AF_INET, ('192.0.2.1', 80))",
    "connect to the metadata service": "talk(socket.AF_INET, ('169.254.169.254', 80))",
    "connect to the metadata service by IPv6": "talk(socket.AF_INET6, ('fd00:ec2::254', 80))",
    "find a second network": "[reached(n) for _, n in socket.if_nameindex() if n != 'lo']",
}

# Through the proxy, where there is one; whoever it lets through is answered 200.
HOSTS = [
    *(
        "127.0.0.1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "sandbox",
        "127.1",
        "0",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
    ),
    *("0177.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"),
    *("[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "metadata.google.internal", "metadata", "10.0.0.1", "172.16.0.1"),
    *("192.168.0.1", "100.64.0.1", "[fe80::1]", "[fc00::1]", "[fec0::1]", "224.0.0.1", "255.255.255.255", "[ff02::1]"),
    *("127.0.0.1.", "①②⑦.0.0.1", "127.0.0.1%00.example.com", "example.com@127.0.0.1", "127.0.0.1#.example.com"),
]
PROXY = {f"{form} {host}": (form, host) for host in HOSTS for form in ("tunnel to", "ask for")}


def proxy_script(form, host):
    if form == "tunnel to":
        return f"through('CONNECT {host}:' + str(T['port']) + ' HTTP/1.1\\r\\n\\r\\n')"
    return f"through('GET http://{host}:' + str(T['port']) + '/ HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n')"


THROUGH = {
    **{name: proxy_script(*what) for name, what in PROXY.items()},
    "tunnel to the machine's address": "through('CONNECT %s:%d HTTP/1.1\\r\\n\\r\\n' % (T['address'], T['wide_port']))",
    "tunnel to the proxy itself": "through('CONNECT 127.0.0.1:3128 HTTP/1.1\\r\\n\\r\\n')",
    "ask the proxy for itself": "through('GET / HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\n\\r\\n')",
    "ask for a file": "through('GET file:///etc/passwd HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n')",
    "tunnel to a unix socket": "through('CONNECT unix:%s HTTP/1.1\\r\\n\\r\\n' % T['unix'])",
    "send mail": "through('CONNECT example.com:25 HTTP/1.1\\r\\n\\r\\n')",
    "hide a request in another": (
        "through('GET http://127.0.0.1:%d/ HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 0\\r\\n"
        "transfer-encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n' % T['port'])"
    ),
}

# Each in a process of its own, forked, because starting a Python for each takes longer than all attempts together.
RUNNER = (
    HELP
    + """
def attempt(code):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.dup2(write, 1)
        try:
            exec(code, globals())
        except BaseException as error:
            print(type(error).__name__, error)
        sys.stdout.flush()
        os._exit(0)
    os.close(write)
    return read, pid

attempts, told = json.load(open(sys.argv[2])), {}
running = [(name, *attempt(code)) for name, code in attempts]
for name, read, pid in running:
    with open(read, errors="replace") as said:
        told[name] = said.read()
    os.waitpid(pid, 0)
print(json.dumps(told))
"""
)
AT_ONCE = 30  # a box may have so many processes, and the proxy so many connections


def batches(attempts):
    items = list(attempts.items())
    return [items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE)]


def made_outside(attempts, target_file, folder):
    told = {}
    for number, batch in enumerate(batches(attempts)):
        (folder / f"{number}.json").write_text(json.dumps(batch))
        command = [sys.executable, "-c", RUNNER, str(target_file), str(folder / f"{number}.json")]
        told |= json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return told


def made_inside(host, session, attempts, targets, network):
    """What each attempt said that was made in a box."""
    files = {"/workspace/runner.py": RUNNER.encode(), "/workspace/targets": json.dumps(targets).encode()}
    files |= {f"/workspace/{number}": json.dumps(batch).encode() for number, batch in enumerate(batches(attempts))}
    host.client.put_files(session, files)
    told = {}
    for number in range(len(batches(attempts))):
        said = host.bash(f"python3 runner.py targets {number}", session, network=network)
        assert not said.is_error, said.text
        told |= json.loads(said.text)
    return told
