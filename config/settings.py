"""Every setting, in reading order; the last section names the plug points."""

from pathlib import Path

from django.utils.csp import CSP

from config.env import (
    blob_storage,
    data_folder,
    database,
    env_addresses,
    env_bool,
    env_int,
    env_keys,
    env_list,
    env_secret,
    env_sizes,
    env_str,
    env_url,
    redis_url,
    socket_path,
)

# Paths
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_folder("LUCID_DATA_DIR", BASE_DIR / "var")
MEDIA_ROOT = DATA_DIR / "files"
FILE_UPLOAD_TEMP_DIR = data_folder("LUCID_UPLOAD_DIR", DATA_DIR / "uploads")  # a body on its way in; never in memory
SANDBOX_ROOT = DATA_DIR / "sandboxes"
LUCID_SANDBOX_SOCKET = env_str("LUCID_SANDBOX_SOCKET", str(socket_path(DATA_DIR, "sandbox.sock")))

# Security
DEBUG = env_bool("DEBUG", False)
SECRET_KEY = env_secret("SECRET_KEY", kept_in=DATA_DIR / "secret-key")
LUCID_SEALING_KEYS = env_keys("LUCID_SEALING_KEYS", kept_in=DATA_DIR / "sealing-keys")  # newest first
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", "")
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
LUCID_HTTPS = env_bool("LUCID_HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LUCID_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if LUCID_HTTPS else None
SESSION_ENGINE = "agents.browser_sessions"
SESSION_COOKIE_HTTPONLY = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024  # the largest body that an API call may carry

# Applications
INSTALLED_APPS = [
    "config",
    "dreams",
    "outcomes",
    "memory",
    "agents",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_rq",
]
MIDDLEWARE = [
    "agents.middleware.RequestIdMiddleware",
    "agents.middleware.HeadMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "agents.middleware.MemberMiddleware",
    "agents.views.errors.PageErrorMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Templates
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "agents.context_processors.shell",
                "dreams.context_processors.waiting",
            ],
        },
    },
]

# Database
DATABASES = {"default": database("DATABASE_URL", DATA_DIR / "lucid.sqlite3")}

# Redis and queues: Redis only wakes, the database keeps every promise
REDIS_URL = redis_url("REDIS_URL", socket_path(DATA_DIR, "redis.sock"))
RQ_QUEUES = {name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": -1, "DEFAULT_RESULT_TTL": 0} for name in ("turns", "batch")}
LUCID_TURN_SLOTS = env_int("LUCID_TURN_SLOTS", 24, minimum=1, maximum=500)
LUCID_BATCH_SLOTS = env_int("LUCID_BATCH_SLOTS", 4, minimum=1, maximum=100)
LUCID_STOP_SECONDS = env_int("LUCID_STOP_SECONDS", 6, minimum=0, maximum=3_600)

# Signing in
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Language and time
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# Static files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Stored bytes: uploads, what sessions write, skills; never served from here
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "blobs": blob_storage("LUCID_FILES_STORAGE", MEDIA_ROOT),
}
LUCID_FILES_QUOTA_GIB = env_int("LUCID_FILES_QUOTA_GIB", 1024, minimum=1, maximum=1_000_000)  # of one workspace

# Logging
LOG_LEVEL = env_str("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"calm": {"()": "config.logs.Calm"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["calm"]}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL},
        "django.request": {"level": "ERROR"},  # a missing page is the visitor's affair
        "rq": {"level": "WARNING"},
        "rq.worker": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "anthropic": {"level": "WARNING"},
        "mcp": {"level": "CRITICAL"},  # it logs what servers answer; what matters of it is in the session's log
        "client": {"level": "CRITICAL"},  # the same package's
    },
}

# The model endpoint of workspaces that name none of their own
ANTHROPIC_BASE_URL_IS_SET = bool(env_str("ANTHROPIC_BASE_URL"))
ANTHROPIC_BASE_URL = env_url("ANTHROPIC_BASE_URL", "https://api.anthropic.com", schemes=("http", "https"))
ANTHROPIC_API_KEY = env_str("ANTHROPIC_API_KEY")

# Where this installation's own programs reach its API; `up` sets it to where it listens
LOCAL_URL = "http://127.0.0.1:8000"

# What operators may change
REQUIRE_BETA_HEADERS = env_bool("REQUIRE_BETA_HEADERS", True)
# API calls of one workspace in a minute, 0 for any number
LUCID_READS_PER_MINUTE = env_int("LUCID_READS_PER_MINUTE", 0, minimum=0, maximum=10_000_000)
LUCID_WRITES_PER_MINUTE = env_int("LUCID_WRITES_PER_MINUTE", 0, minimum=0, maximum=10_000_000)
# of one workspace, archived ones aside
LUCID_MEMORY_STORES_MAX = env_int("LUCID_MEMORY_STORES_MAX", 10_000, minimum=1, maximum=10_000_000)
LUCID_GIT_HOSTS = env_list("LUCID_GIT_HOSTS", "github.com")  # where repositories may be cloned from
LUCID_ALLOW_PRIVATE_WEBHOOKS = env_bool("LUCID_ALLOW_PRIVATE_WEBHOOKS", False)
LUCID_ALLOW_PRIVATE_MCP = env_bool("LUCID_ALLOW_PRIVATE_MCP", False)
LUCID_EGRESS = env_bool("LUCID_EGRESS", True)  # whether anything that agents do may reach a network
LUCID_EGRESS_PRIVATE = env_addresses("LUCID_EGRESS_PRIVATE")  # what it may reach inside private ones
LUCID_SEARCH_URL = env_url("LUCID_SEARCH_URL", "", schemes=("http", "https"))  # whom `web_search` asks
LUCID_SCHEDULE_JITTER = env_bool("LUCID_SCHEDULE_JITTER", False)
# Models that agents/model_facts.py does not know, or sees otherwise
LUCID_MODEL_WINDOWS = env_sizes("LUCID_MODEL_WINDOWS", minimum=1_000)  # tokens that they read, as model=tokens
LUCID_MODELS_WITHOUT_SYSTEM_MESSAGES = env_list("LUCID_MODELS_WITHOUT_SYSTEM_MESSAGES", "")

# Plug points: dotted paths, resolved once by agents/plugs.py
MODEL_CLIENT = "agents.runtime.messages_api.MessagesClient"
SANDBOX_BACKEND = "agents.sandbox.client.SandboxClient"
SEARCH_PROVIDER = "agents.runtime.searxng.SearXng"
SESSION_RESOURCE_KINDS = {
    "file": "agents.services.file_resources",
    "github_repository": "agents.services.repository_resources",
    "memory_store": "memory.resources",
}
AGENT_EXTENSIONS = {
    "memory": "memory.agent_memory",
    "outcomes": "outcomes.agent_outcomes",
    "dreaming": "dreams.agent_dreaming",
}
