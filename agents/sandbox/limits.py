"""PURE: every bound of the sandbox; the tools' own bounds, which the model sees, stand in `box/`."""

KIB = 1024
MIB = 1024 * KIB

TOOL_TIMEOUT_SECONDS = 150.0  # the SDK's own bound on any tool; its bash default of 120 s fires before
GRACE_SECONDS = 5.0  # after which a box that should have answered is closed from outside

MESSAGE_MAX_BYTES = 128 * MIB  # client to host: put_files and sync_mount carry whole files
ANSWER_MAX_BYTES = 40 * MIB  # box to host: the largest answer is a 20 MiB PDF in base64

BOXES_MAX = 64  # open at a time on one machine; the longest idle one makes room
BOX_IDLE_SECONDS = 15 * 60  # a box that served no call for so long is closed; its files stay
BOX_WAIT_SECONDS = 60.0  # for room, when every box is in the middle of a call

BOX_PROCESSES = 256  # processes and threads inside one box; node alone needs a dozen
BOX_PROCESS_MEMORY = 2048 * MIB  # of one process (RLIMIT_DATA: RLIMIT_AS would break node and Java)
BOX_MEMORY = 2048 * MIB  # of all processes of a box together, looked at twice a second
BOX_FILE_SIZE = 256 * MIB  # of one file
BOX_FOLDER_SIZE = 1024 * MIB  # of all files of a session
BOX_FOLDER_ENTRIES = 200_000  # files and folders of a session
BOX_CPU_SECONDS = 600  # of one process; the shell itself is one, too
BOX_OPEN_FILES = 1024
BOX_TMP_SIZE = 256 * MIB  # /tmp and half of it for /dev/shm: both are memory

SKILL_VERSIONS_MAX = 200  # unpacked versions that a machine keeps at hand: 6 GB, if each is as large as may be

PACKAGES_INSTALL_SECONDS = 900.0  # of one manager's list
PACKAGES_WAIT_SECONDS = 600.0  # that a turn waits for them at most; an install that takes longer goes on
PACKAGES_AT_ONCE = 2  # installs on one machine
PACKAGES_SIZE = 6 * 1024 * MIB  # of one manager's list, and of what it takes to build that
PACKAGES_ENTRIES = 1_000_000  # files and folders of it
PACKAGES_FILE_SIZE = 3 * 1024 * MIB  # libraries for graphics cards come in one piece
PACKAGES_STORE_SIZE = 24 * 1024 * MIB  # of all lists that a machine keeps; the longest unused ones go first
PACKAGES_STORE_MAX = 100  # lists
PACKAGES_AGAIN_FACTOR = 2.0  # a failure is repeated after twice the time that it took,
PACKAGES_AGAIN_MAX_SECONDS = 600.0  # and after this at the latest
PACKAGES_SAID_MAX = 1_500  # characters of an installer's last words

FILE_READ_MAX_BYTES = 64 * MIB  # `read_file`
FILE_MAX_BYTES = 500 * MIB  # wire contract: of an upload that is mounted, and of an output that is kept
RESULTS_MAX_BYTES = 256 * MIB  # of all long results of a session that are kept as files
OUTPUT_FILES_MAX = 1_000  # that a session may hand out

MEMORY_FILE_MAX_BYTES = 102_400  # wire contract: a memory's content
MEMORY_PATH_MAX_BYTES = 1_024  # wire contract
MEMORY_PATH_MAX_SEGMENTS = 20  # wire contract
MEMORY_MOUNT_MAX_FILES = 2_000  # wire contract: memories of a store
MEMORY_MOUNT_MAX_BYTES = 48 * MIB  # of all memories, as sent: parsing more would keep every other turn waiting
REFUSED_MAX = 100  # refused entries that are named; a link farm must not fill an answer

EGRESS_CONNECTIONS_MAX = 64  # of one box at once; package managers open a dozen
EGRESS_LOOKUPS_MAX = 8  # connections that one box may be opening at once: look-ups share a few threads
EGRESS_HEAD_MAX_BYTES = 64 * KIB  # of a request's head; servers take 8 to 64
EGRESS_HEAD_SECONDS = 30.0  # from a client's connection to the end of its request's head
EGRESS_OPEN_SECONDS = 20.0  # to look a host up and connect to it
EGRESS_CONNECT_SECONDS = 8.0  # to one of its addresses
EGRESS_IDLE_SECONDS = 300.0  # without a byte in either direction; answers that are thought about take a minute or two
EGRESS_HALF_OPEN_SECONDS = 60.0  # the same when one side has said its last
EGRESS_PAUSE_SECONDS = 0.1  # when no connection can be taken
EGRESS_BODY_MAX_BYTES = MIB  # a request's body that is read whole, so that its length can be told anew
EGRESS_PORT = 3128  # in every box, on its own loopback
