"""The real settings with a fast hasher, a local cache and tasks that run at once."""

import os
from pathlib import Path

# A stranger's environment must not change what the tests see.
for _name in list(os.environ):
    if _name.split("_")[0] in {"JIRA", "SLACK", "PRODUCTBOARD", "OIDC", "SENTRY", "EMAIL"}:
        del os.environ[_name]
os.environ["HUB_EMBEDDED"] = "1"
os.environ.setdefault("BASE_URL", "http://127.0.0.1:8000")
os.environ["LOG_LEVEL"] = "ERROR"

from producthub.settings import *  # noqa: E402, F403
from producthub.settings import MIDDLEWARE, STORAGES, TEMPLATES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# No index files and no vectors but where a test makes its own.
SEARCH_DIR = Path("/nonexistent/search")
SEARCH_VECTORS = SEARCH_FOLLOWER = False
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
STORAGES["private"] = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

__all__ = ["MIDDLEWARE", "TEMPLATES"]
