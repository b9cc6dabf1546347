"""Start `manage.py follow_search` beside a server process and keep it running.

Web and worker of one machine may both try: a lock lets one follow, the other looks again later.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
# Another one follows, or it failed: how long to wait before the next try.
AGAIN_SECONDS = 60.0


def keep_follower() -> None:
    """Run the follower as a child that ends with this process. Returns at once."""
    if settings.SEARCH_FOLLOWER:
        threading.Thread(target=_keep, name="search-follower", daemon=True).start()


def _keep() -> None:
    # The kernel tells a child of its parent's end by the thread that made it: this one stays.
    command = [sys.executable, "manage.py", "follow_search", "--parent", str(os.getpid())]
    while True:
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        child.wait()
        time.sleep(AGAIN_SECONDS)
