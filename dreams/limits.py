"""PURE: every bound on what a dream reads, asks, writes or shows."""

SESSIONS_MAX = 100  # wire contract
INSTRUCTIONS_MAX_CHARS = 4_096  # wire contract
MODEL_ID_MAX_CHARS = 256  # wire contract
STORE_MAX_BYTES = 16_000_000  # a dream holds the whole store: 2,000 files of 8,000 bytes

POLICY_NAME_MAX_CHARS = 256  # like an agent's
WINDOW_DAYS = 30  # how far back a policy looks for sessions, unless it says otherwise
WINDOW_DAYS_MAX = 365
CANDIDATES_MAX = 1_000  # sessions that a policy chooses from; the rest comes the next time
PRINCIPAL_SHARE_MAX = 0.2  # of a dream's sessions, so that one loud principal does not fill it
SETTLED_MINUTES = 10  # a session that rests this long is over, unless a verdict says so before

EVENT_TEXT_MAX_CHARS = 700  # what one digest event shows to a model
ERROR_TEXT_MAX_CHARS = 400
DIGEST_MAX_CHARS = 24_000  # about 6,000 tokens a session
EVENT_SCAN_MAX_CHARS = 50_000  # how far origins and taint are followed into one event
SESSION_SCAN_MAX_CHARS = 2_000_000  # beyond it an event is checked by what is shown of it
EVENTS_PER_DIGEST_MAX = 2_000

CLAIMS_PER_SESSION_MAX = 8
CITES_PER_CLAIM_MAX = 8
CLAIM_TEXT_MAX_CHARS = 600
QUOTE_MAX_CHARS = 200
QUOTE_MIN_CHARS = 3
OPERATIONS_PER_CLUSTER_MAX = 8
CLAIMS_SHOWN_TO_REDUCE_MAX = 25  # a cluster's claims repeat each other; more only costs tokens
ENTRIES_SHOWN_TO_REDUCE_MAX = 20

ENTRY_MAX_CHARS = 600
TYPED_ENTRY_MAX_CHARS = 240  # longer typed lessons are prose in disguise
FILE_MAX_BYTES = 8_000  # files of a dreamed store stay readable at a glance; the wire allows 102,400
INDEX_MAX_LINES = 200
EVIDENCE_PER_CHANGE_MAX = 120

TAINT_CONTAINMENT = 0.6
TAINT_SEGMENT_MIN_CHARS = 16  # shorter pieces share shingles by chance
SHINGLE_CHARS = 5
LITERAL_SHINGLE_MIN_CHARS = 20
UNSUPPORTED_CONTAINMENT = 0.5

TYPED_TOKENS_MAX = 8
TYPED_KEPT_MIN = 0.5
CORROBORATING_PRINCIPALS = 2
PRINCIPAL_AGE_DAYS = 7
AUTO_CHANGES_MAX = 20  # per dream, whatever the gate says
PITFALL_SESSIONS_MIN = 2
SEQUENCE_SESSIONS_MIN = 5
SEQUENCE_SHARE_MIN = 0.2
SEQUENCE_HINTS_MAX = 3
SHRINK_ENTRIES_MAX = 0.20
SHRINK_BYTES_MAX = 0.30
NEAR_DUPLICATE_JACCARD = 0.8
BLOB_MIN_CHARS = 40

LIVE_THREADS_MAX = 25  # wire contract: concurrent threads of a session
MODEL_REQUESTS_AT_ONCE = 8
MODEL_ATTEMPTS = 4  # refusals and timeouts; an answer that does not parse is asked for once more
MODEL_BACKOFF_SECONDS = (0.5, 2.0, 8.0)
MODEL_TIMEOUT_SECONDS = 120.0
MODEL_ANSWER_MAX_TOKENS = 4_096
DREAM_TIMEOUT_SECONDS = 4 * 3600
CANCEL_GRACE_SECONDS = 10.0  # how long a canceled dream waits for answers that are under way, to count what they cost
