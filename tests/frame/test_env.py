"""The environment: listed, read once, refused with a sentence."""

import ast
import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from producthub import env

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct horse battery staple, and then some more of it 42"
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def names_read() -> set[str]:
    """Variables that settings and the processes around them read, found in their source."""
    found = set()
    for path in (ROOT / "producthub").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            first = node.args[0]
            if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
                continue
            called = ast.unparse(node.func)
            ours = path.name == "settings.py" and hasattr(env, called)
            if not re.fullmatch("[A-Z_]+", first.value):
                continue
            if ours or called in ("os.environ.get", "os.getenv"):
                found.add(first.value)
    return found


def names_listed() -> set[str]:
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^([A-Z_]+)=", text, re.M))


def test_the_example_lists_what_is_read():
    assert names_read() == names_listed() - {"POSTGRES_PASSWORD"}  # docker-compose alone reads it


def test_every_line_of_the_example_has_a_comment():
    lines = (ROOT / ".env.example").read_text().splitlines()
    commented = {
        line.split("=")[0]
        for before, line in zip(lines, lines[1:], strict=False)
        if "=" in line and before.strip()
    }
    assert names_listed() <= commented


@pytest.mark.parametrize(
    ("read", "value", "says"),
    [
        (lambda: env.env_bool("X"), "perhaps", "X is “perhaps”. Set it to 1 or 0."),
        (lambda: env.env_int("X", 1, low=1, high=9), "99", "from 1 to 9"),
        (lambda: env.env_int("X", 1, low=1, high=9), "1.5", "from 1 to 9"),
        (lambda: env.env_int("X", 1, low=1, high=9), "²", "from 1 to 9"),
        (lambda: env.env_url("X"), "example.com", "an address like https://"),
        (lambda: env.env_url("X"), "https://[broken", "an address like https://"),
        (lambda: env.env_choice("X", "a", ("a", "b")), "c", "one of: a, b"),
        (lambda: env.env_time_zone("X", "UTC"), "Mars/Base", "like Europe/Lisbon"),
        (lambda: env.env_fernet_keys("X"), f"{KEY},short", "Key 2 in X"),
        (lambda: env.env_fernet_keys("X"), "ä" * 44, "Key 1 in X"),
        (lambda: env.database_config("X"), "", "not set"),
        (lambda: env.database_config("X"), "mysql://a@b/c", "PostgreSQL"),
        (lambda: env.database_config("X"), "postgres://a:b@c", "names no database"),
        (lambda: env.database_config("X"), "postgres://a:b@c:port/d", "cannot be read"),
        (lambda: env.redis_urls("X"), "", "not set"),
        (lambda: env.redis_urls("X"), "http://x", "redis://host:6379/0"),
        (lambda: env.email_config("X", ""), "gopher://x", "smtp+tls://"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(monkeypatch, read, value, says):
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match=re.escape(says)):
        read()


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda: env.env_url("X"), "ftp://me:hunter2@example.com"),
        (lambda: env.redis_urls("X"), "rdis://:hunter2@example.com/0"),
        (lambda: env.database_config("X"), "mysql://me:hunter2@example.com/x"),
        (lambda: env.database_config("X"), "postgres://me:hunter2@example.com:x/x"),
        (lambda: env.email_config("X", ""), "gopher://me:hunter2@example.com"),
    ],
)
def test_a_refusal_never_repeats_a_password(monkeypatch, read, value):
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured) as caught:
        read()
    assert "hunter2" not in str(caught.value)


def manage(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Django's command line in production mode, with nothing of this environment."""
    basic = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgres://hub:hunter2@127.0.0.1:1/hub",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": SECRET,
        "BASE_URL": "https://hub.example.com",
        "HUB_DIR": "/nonexistent",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**basic, **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_deployment_check_is_clean_in_production():
    result = manage("check", "--deploy", "--fail-level", "INFO")
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"SECRET_KEY": ""}, "Not started: SECRET_KEY is not set."),
        ({"SECRET_KEY": "insecure-default-for-development-only"}, "SECRET_KEY is not set"),
        ({"PORT": "eighty"}, "Not started: PORT is “eighty”. Set it to a number from 1 to 65535."),
        ({"DATABASE_URL": "sqlite:///x"}, "ProductHub needs PostgreSQL"),
    ],
)
def test_a_bad_start_is_one_sentence(variables, says):
    result = manage("check", **variables)
    assert result.returncode == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert len(result.stderr.strip().splitlines()) == 1
