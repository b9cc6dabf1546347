"""WSGI entry point."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "producthub.settings")
try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    # One sentence instead of a traceback: what is wrong is in the environment, not in the code.
    sys.exit(f"Not started: {error}")
