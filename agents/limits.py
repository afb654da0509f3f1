"""Every bound of the kernel on a size, a count or an age; one comment each says where the number comes from."""

AGENT_NAME_MAX = 256  # wire contract
AGENT_DESCRIPTION_MAX = 2_048  # wire contract
AGENT_SYSTEM_MAX = 100_000  # wire contract, characters
AGENT_VERSION_MAX = 2_147_483_647  # what the column holds
AGENT_TOOLS_MAX = 256  # wire contract, across toolsets
AGENT_SKILLS_MAX = 20  # wire contract
AGENT_MCP_SERVERS_MAX = 20  # wire contract
AGENT_ROSTER_MAX = 20  # wire contract, of each list
MCP_SERVER_NAME_MAX = 255  # wire contract
MCP_TOOL_NAME_MAX = 128  # wire contract
URL_MAX = 2_048  # wire contract
HOST_NAME_MAX = 253  # DNS
WEB_DOMAINS_MAX = 64  # wire contract
URL_SOURCE_TOOLS_MAX = 128  # wire contract
INFERENCE_GEO_MAX = 64  # a region's name; the wire states no bound
CUSTOM_TOOL_NAME_MAX = 128  # wire contract

METADATA_PAIRS_MAX = 16  # wire contract
METADATA_KEY_MAX = 64  # wire contract
METADATA_VALUE_MAX = 512  # wire contract

DISPLAY_NAME_MAX = 255  # wire contract: vaults, credentials, skills
SKILL_NAME_MAX = 64  # wire contract
SKILL_DESCRIPTION_MAX = 1_024  # wire contract
SKILL_MAX_BYTES = 30 * 1024 * 1024  # wire contract, unpacked
SKILL_FILES_MAX = 1_000  # the wire states none; a folder that somebody wrote by hand has fewer
SKILL_PATH_MAX_BYTES = 512  # the wire states none
SKILL_DEPTH_MAX = 20  # folders within folders, like the paths of a memory store
SKILL_HEAD_MAX = 16 * 1024  # characters of SKILL.md's frontmatter: name and description fit a dozen times
SKILL_RATIO_MAX = 200  # unpacked to packed size of one member; text and source code stay below 50
SKILLS_PAGE_MAX = 1_000  # wire contract
DEPLOYMENT_NAME_MAX = 256  # like an agent's; the wire states no bound
DEPLOYMENT_VAULTS_MAX = 50  # wire contract
SESSION_VAULTS_MAX = 50  # like a deployment's; the wire states no bound
FILE_MAX_BYTES = 500 * 1024 * 1024  # wire contract
FILE_NAME_MAX_BYTES = 255  # what a file system takes for one name
FILE_EXPIRES_MIN_SECONDS = 3_600  # wire contract
FILE_EXPIRES_MAX_SECONDS = 7_776_000  # wire contract: ninety days
FILE_SHOWN_EXPIRED_DAYS = 30  # wire contract: how long an expired file can still be looked up
FILE_IDS_MAX = 100  # wire contract: of one list by ids
FILES_PAGE_MAX = 1_000  # wire contract
FILE_BLOCKS_MAX = 100  # wire contract: blocks of one request that name a file
FILE_BLOCKS_MAX_BYTES = 32 * 1024 * 1024  # of all files that one model request carries: what a request may weigh
VAULT_CREDENTIALS_MAX = 20  # wire contract
CREDENTIAL_HOSTS_MAX = 16  # wire contract
SECRET_NAME_MAX = 255  # the name of an environment variable; the wire states no bound
WORKSPACE_NAME_MAX = 255  # shown in lists
API_KEY_NAME_MAX = 255  # shown in lists
SECRET_MAX = 65_536  # characters of a credential's secret; the wire states no bound
WEBHOOK_ENDPOINTS_MAX = 32  # wire contract
WEBHOOK_NAME_MAX = 255  # shown in lists; the wire states no bound
WEBHOOK_DESCRIPTION_MAX = 2_048  # the wire states no bound
DEPLOYMENT_RUNS_PAGE_MAX = 1_000  # wire contract
SCHEDULED_DEPLOYMENTS_MAX = 1_000  # wire contract

ENVIRONMENT_HOSTS_MAX = 256  # the wire states no bound; every request through the proxy looks at them
ENVIRONMENT_PACKAGES_MAX = 256  # of one manager; the wire states no bound
PACKAGE_NAME_MAX = 512  # an address of a Go module with its version; the wire states no bound
ENVIRONMENT_DESCRIPTION_MAX = 2_048  # like an agent's; the wire states no bound
ENVIRONMENT_NAME_MAX = 255  # shown in lists; the wire states no bound
ENVIRONMENT_KEY_NAME_MAX = 255  # like an API key's
ENVIRONMENT_KEYS_MAX = 100  # of one environment; people read the list
SESSION_TITLE_MAX = 512  # shown in lists; the wire states no bound
SESSION_INITIAL_EVENTS_MAX = 50  # wire contract
SESSION_MEMORY_STORES_MAX = 8  # wire contract
SESSION_RESOURCES_MAX = 500  # wire contract: files of a session, and all resources of a deployment
SESSION_RESOURCES_PAGE_MAX = 1_000  # wire contract; also the default, which is all of them
THREADS_PAGE_MAX = 1_000  # wire contract, also the default
RESOURCE_INSTRUCTIONS_MAX = 4_096  # wire contract
EVENTS_PER_REQUEST_MAX = 1_000  # the wire states none; one page of the list
SYSTEM_BLOCKS_MAX = 1_000  # wire contract, of one system.message
QUEUED_EVENTS_MAX = 1_000  # a client that never stops sending must not fill the disk

BODY_MAX_BYTES = 32 * 1024 * 1024  # wire contract

PAGE_DEFAULT = 20  # wire contract
PAGE_MAX = 100  # wire contract
EVENTS_PAGE_MAX = 1_000  # wire contract, also the default

LEASE_SECONDS = 6.0  # a killed worker's turn goes on within 10 s: lease + sweep + start
BEAT_SECONDS = 2.0  # three beats per lease: two may be lost
SWEEP_SECONDS = 1.0
STEP_LOSSES_MAX = 5  # workers lost with one step of a turn, one after the other: then the step is what kills them
WAKE_AGAIN_SECONDS = 3.0  # a wake-up that nobody took is repeated no sooner than this

WORK_PAGE_DEFAULT = 100  # the wire states none; a queue is looked at as a whole
WORK_PAGE_MAX = 1_000
WORK_BLOCK_MS_MAX = 999  # wire contract
WORK_RECLAIM_MS = 5_000  # wire contract: what was handed out and not taken by then is handed out again
WORK_RECLAIM_MS_MAX = 86_400_000  # a day; nobody waits longer for a worker to say that it has the item
WORK_TTL_SECONDS = 90  # what workers assume before they are told; they beat every 30 s, so two beats may be lost
WORK_TTL_MIN_SECONDS, WORK_TTL_MAX_SECONDS = 30, 300  # how far a worker's own wish goes
WORK_TTL_WISH_MAX = 86_400  # what it may wish for; the server grants less
WORK_TEARDOWN_SECONDS = 300  # of a worker that was told to stop: a tool of 150 s, two syncs of memory of 30 s
WORK_IDLE_SECONDS = 120  # a worker whose session rests for so long is told to stop; by itself it does so after 60
WORK_TOKEN_SECONDS = 600  # how long a stopped item's token still opens its session: the last results and memory
WORK_RETRY_SECONDS_MAX = 60  # between two workers that gave up at once
WORK_KEPT_DAYS = 30  # how long a stopped item stays in the list
WORKER_ID_MAX = 255
WORKER_SEEN_SECONDS = 30  # wire contract: who polled within these counts as polling
WORKER_TOUCH_SECONDS = 5  # a worker's poll is written down at most this often

MODEL_TIMEOUT_SECONDS = 600.0  # the client's own default
MODEL_RETRY_DELAYS = (1.0, 4.0, 15.0, 60.0)  # seconds before the second and every further try of a model request
MODEL_RETRY_AFTER_MAX = 300.0  # seconds; an endpoint that asks for more patience is asked again by then
MODEL_MAX_TOKENS = 16_000  # answer size asked of the model
MODEL_REPLY_MAX_BYTES = 16 * 1024 * 1024  # it is kept in the log and sent again with every later request
COMPACTIONS_IN_A_ROW_MAX = 3  # each leaves a quarter of what the one before did: what is too long then stays so
MODEL_REQUESTS_PER_TURN_MAX = 200  # a loop that never ends is stopped: tool_use_limit_reached_error

TOOL_RESULT_MAX_CHARS = 100_000  # wire contract: a longer one becomes a file in the sandbox
TOOL_PREVIEW_CHARS = 10_000  # what the model gets of such a file; it can read the rest
BASH_OUTPUT_MAX_BYTES = 4 * 1024 * 1024  # of one command, the last of it: what such a file holds

API_KEY_TOUCH_SECONDS = 60  # last_used_at is written at most this often
MEMBER_TOUCH_SECONDS = 300  # the same for when a person was last seen
SENT_FORMS_DAYS = 30  # a form that arrives again within these is known

SIGN_IN_FAILURES_MAX = 10  # wrong passwords for one name from one address before a pause; a person needs fewer
SIGN_IN_PAUSE_SECONDS = 300  # counted from the first of them

MCP_CONNECT_SECONDS = 15.0  # to greet a server and list its tools; a turn waits no longer for one that hangs
MCP_CALL_SECONDS = 300.0  # of one call; an interrupt ends it earlier
MCP_CLOSE_SECONDS = 5.0  # to tell a server that its session is over
MCP_ANSWER_MAX_BYTES = 8 * 1024 * 1024  # of one HTTP answer; more is not read
MCP_LIST_PAGES_MAX = 20  # a list of tools that never ends
MCP_SCHEMA_MAX_CHARS = 65_536  # of one tool's input schema; those that people write have a few hundred
MCP_DESCRIPTION_MAX = 8_192  # characters; every model request pays for them
MCP_TOOLS_MAX_CHARS = 1_000_000  # of all definitions that MCP servers add to a model request
MCP_RESULT_MAX_CHARS = 4_000_000  # of one result's text; what the model gets of it is less
MCP_IMAGE_MAX_BYTES = 5 * 1024 * 1024  # what the Messages API takes
MCP_RESULT_BLOCKS_MAX = 100  # of one result

FETCH_SECONDS = 20.0  # of web_fetch, for each address on the way
FETCH_REDIRECTS_MAX = 5
FETCH_MAX_BYTES = 10 * 1024 * 1024  # of one answer: what a PDF may weigh; it is kept in the log and sent again
FETCH_PAGE_MAX_BYTES = 2 * 1024 * 1024  # of HTML that is turned into text, which takes a processor seconds
FETCH_MAX_CHARS = 4_000_000  # of one result's text, like an MCP server's
FETCHES_AT_ONCE = 16  # of one process, searches among them

SEARCH_SECONDS = 20.0  # of web_search; engines that ask others wait some seconds for them
SEARCH_MAX_BYTES = 2 * 1024 * 1024  # of one answer; SearXNG's have some 20 kB
SEARCH_QUERY_MAX = 1_000  # characters; it becomes a part of an address
SEARCH_RESULTS_MAX = 10
SEARCH_TITLE_MAX = 300  # characters
SEARCH_TEXT_MAX = 2_000  # characters of what is said of one page; every later model request pays for them
SEARCH_SITES_MAX = 8  # domains that a query names; engines refuse longer ones
