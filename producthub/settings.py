"""All settings, driven by the environment (see `.env.example`)."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from producthub.env import (
    database_config,
    email_config,
    env_bool,
    env_choice,
    env_fernet_keys,
    env_int,
    env_list,
    env_secret,
    env_str,
    env_time_zone,
    env_url,
    redis_urls,
)
from producthub.lib.logs import logging_config, start_sentry

BASE_DIR = Path(__file__).resolve().parent.parent
HUB_DIR = Path(env_str("HUB_DIR", str(BASE_DIR / ".hub")))

# --- What kind of place is this ---------------------------------------------------------------
DEBUG = env_bool("DEBUG")
# `make run` on its own database: one machine, http, a demonstration company.
EMBEDDED = env_bool("HUB_EMBEDDED")
PRODUCTION = not DEBUG and not EMBEDDED
PORT = env_int("PORT", 8000, low=1, high=65535)
BASE_URL = env_url("BASE_URL", f"http://127.0.0.1:{PORT}")
IS_HTTPS = BASE_URL.startswith("https://")

SECRET_KEY = env_secret(
    "SECRET_KEY",
    insecure_default="insecure-default-for-development-only",
    allow_default=not PRODUCTION,
)
ENCRYPTION_KEYS = env_fernet_keys("ENCRYPTION_KEYS")
_base_host = urlsplit(BASE_URL).hostname or "localhost"
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or sorted({_base_host, "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS = [BASE_URL]

# --- Apps -------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "producthub.apps.ProductHubAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_celery_beat",
    "django_structlog",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "activity",
    "accounts",
    "notices",
    "search",
    "playbook",
    "planning",
    "intake",
    "metrics",
    "hub",
    "integrations",
]

MIDDLEWARE = [
    # Outermost, so that redirects, refused hosts and failures inside carry id and policies too.
    "producthub.lib.watch.RequestLogMiddleware",
    "producthub.lib.policy.SecurityPolicyMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "producthub.lib.input.RefuseNulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "accounts.middleware.TimeZoneMiddleware",
    "accounts.middleware.DailyUseMiddleware",
    "accounts.middleware.UnsentMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "producthub.urls"
WSGI_APPLICATION = "producthub.wsgi.application"
APPEND_SLASH = True

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["producthub.lib.tags", "django.templatetags.static"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hub.context.shell",
            ],
        },
    },
]

# --- Data -------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **database_config("DATABASE_URL"),
        # One connection a web thread, checked before its first use in a request: a restarted
        # database costs nobody an error page.
        "CONN_MAX_AGE": env_int("CONN_MAX_AGE", 60, low=0, high=3600),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "application_name": "producthub"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_CACHE_URL, CELERY_BROKER_URL = redis_urls("REDIS_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "producthub.lib.cache.TolerantRedisCache",
        "LOCATION": REDIS_CACHE_URL,
        "KEY_PREFIX": "hub",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# --- Who --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
CSRF_FAILURE_VIEW = "producthub.views.csrf_failure"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "hub:home"
# How many proxies stand in front and set X-Forwarded-For; throttles look past that many.
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", 0, low=0, high=9)
REQUIRE_SECOND_FACTOR = env_bool("REQUIRE_SECOND_FACTOR", PRODUCTION)

ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
# A reset for an unknown address sends nothing: the hub is no way to mail strangers.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "reset_password": "accounts.forms.NewPasswordForm",
}
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = False
MFA_ADAPTER = "accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# Nobody signs up with someone else's address here, which is what allauth guards against.
MFA_ALLOW_UNVERIFIED_EMAIL = True

OIDC_ISSUER = env_url("OIDC_ISSUER")
OIDC_CLIENT_ID = env_str("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env_str("OIDC_CLIENT_SECRET")
OIDC_GROUPS_CLAIM = env_str("OIDC_GROUPS_CLAIM", "groups")
if OIDC_ISSUER and not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET):
    raise ImproperlyConfigured(
        "OIDC_ISSUER is set, but OIDC_CLIENT_ID or OIDC_CLIENT_SECRET is missing. Set all three."
    )
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": []}
}
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] = [
        {
            "provider_id": "sso",
            "name": "single sign-on",
            "client_id": OIDC_CLIENT_ID,
            "secret": OIDC_CLIENT_SECRET,
            "settings": {"server_url": OIDC_ISSUER, "fetch_userinfo": True},
        }
    ]

SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True

# --- Safety headers ---------------------------------------------------------------------------
SECURE_SSL_REDIRECT = IS_HTTPS and PRODUCTION
# The proxy that ends TLS must set this header itself and drop what a client sent.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS and PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = bool(SECURE_HSTS_SECONDS)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: []
    for name in (
        "accelerometer camera display-capture geolocation gyroscope microphone midi payment usb"
    ).split()
}

# --- Words, time, files -----------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = env_time_zone("TIME_ZONE", "Europe/Amsterdam")

# Whoever is behind an open request hears something at least every so many days, or a task is
# raised with its owner.
HEARD_CEILING_DAYS = env_int("HEARD_CEILING_DAYS", 14, low=1, high=365)

# A form of a million letters still reaches its own words about length; what is longer is refused.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024**2

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env_str("STATIC_ROOT", str(HUB_DIR / "static")))
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = DEBUG
MEDIA_ROOT = Path(env_str("MEDIA_ROOT", str(HUB_DIR / "media")))
# Files of requests: outside the web root, never served by the web server itself.
STORAGES["private"] = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {
        "location": MEDIA_ROOT / "private",
        "base_url": None,
        "file_permissions_mode": 0o600,
        "directory_permissions_mode": 0o700,
    },
}

for _name, _value in email_config(
    "EMAIL_URL", f"filemail:///{HUB_DIR / 'mail'}" if not PRODUCTION else "consolemail://"
).items():
    globals()[_name] = _value
if globals().get("EMAIL_FILE_PATH"):
    EMAIL_FILE_PATH = "/" + str(globals()["EMAIL_FILE_PATH"]).lstrip("/")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", f"ProductHub <producthub@{_base_host}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Search -----------------------------------------------------------------------------------
# Index and vectors of this node: derived, so a lost folder is built anew.
SEARCH_DIR = Path(env_str("SEARCH_DIR", str(HUB_DIR / "search")))
# Meaning beside words; needs requirements/semantic.txt and is left out without it.
SEARCH_VECTORS = env_bool("SEARCH_VECTORS", True)
# Whether web and worker start the one process that keeps this node's files in step.
SEARCH_FOLLOWER = env_bool("SEARCH_FOLLOWER", True)

# --- Background work --------------------------------------------------------------------------
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "producthub.beat:HubScheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Publishing from a web request must fail fast while the broker is away: the event row stays and
# the straggler sweep hands it out later.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest task; with the throttle at 1 a lost worker's task comes back soon
    # after this, instead of minutes later.
    "visibility_timeout": 1860,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
}

# --- Sources ----------------------------------------------------------------------------------
JIRA_BASE_URL = env_url("JIRA_BASE_URL")
JIRA_FLAVOUR = env_choice("JIRA_FLAVOUR", "cloud", ("cloud", "datacenter"))
JIRA_EMAIL = env_str("JIRA_EMAIL")
JIRA_API_TOKEN = env_str("JIRA_API_TOKEN")
JIRA_PROJECTS = env_list("JIRA_PROJECTS")
JIRA_READ_COMMENTS = env_bool("JIRA_READ_COMMENTS")
JIRA_READ_WORKLOGS = env_bool("JIRA_READ_WORKLOGS")
JIRA_WEBHOOK_SECRET = env_str("JIRA_WEBHOOK_SECRET")
PRODUCTBOARD_BASE_URL = env_url("PRODUCTBOARD_BASE_URL", "https://api.productboard.com/v2")
PRODUCTBOARD_API_TOKEN = env_str("PRODUCTBOARD_API_TOKEN")
PRODUCTBOARD_WEBHOOK_TOKEN = env_str("PRODUCTBOARD_WEBHOOK_TOKEN")
# Requests by mail: imaps://user:password@host:993/INBOX.
MAIL_IN_URL = env_str("MAIL_IN_URL")
SLACK_BASE_URL = env_url("SLACK_BASE_URL", "https://slack.com/api") + "/"
SLACK_BOT_TOKEN = env_str("SLACK_BOT_TOKEN")
SLACK_SIGNING_SECRET = env_str("SLACK_SIGNING_SECRET")
SLACK_TEAM_ID = env_str("SLACK_TEAM_ID")
SLACK_REQUEST_EMOJI = env_str("SLACK_REQUEST_EMOJI", "memo")

# --- Logs and watching ------------------------------------------------------------------------
LOG_LEVEL = env_choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")).upper()
LOG_FORMAT = env_choice("LOG_FORMAT", "console" if DEBUG else "json", ("json", "console"))
LOGGING: dict[str, Any] = logging_config(LOG_LEVEL, LOG_FORMAT)
DJANGO_STRUCTLOG_CELERY_ENABLED = True

SENTRY_DSN = env_str("SENTRY_DSN")
METRICS_TOKEN = env_str("METRICS_TOKEN")
if METRICS_TOKEN:
    MIDDLEWARE.insert(1, "producthub.lib.watch.MetricsMiddleware")
if SENTRY_DSN:
    start_sentry(SENTRY_DSN, environment=env_str("SENTRY_ENVIRONMENT", "production"))
