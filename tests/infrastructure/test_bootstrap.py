"""The first minute of a new checkout: what is installed when, and what is said when it cannot."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from producthub import bootstrap

SOURCE = Path(bootstrap.__file__)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def checkout(tmp_path, monkeypatch, asked):
    """A checkout of its own, in which pip is a stand-in that notes what it was asked for."""
    (tmp_path / "requirements").mkdir()
    for group in ("base", "local", "dev"):
        (tmp_path / "requirements" / f"{group}.txt").write_text(f"{group}-package==1.0\n")
    python = tmp_path / ".venv" / "bin" / "python"

    def run(command, label, total, log):
        asked.append(label)
        if label == "Creating .venv":
            python.parent.mkdir(parents=True, exist_ok=True)
            python.unlink(missing_ok=True)
            python.symlink_to(sys.executable)
        return 0, ""

    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    monkeypatch.setattr(bootstrap, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", str(python))
    monkeypatch.setattr(bootstrap, "STAMPS", str(tmp_path / ".venv" / "stamps.json"))
    monkeypatch.setattr(bootstrap, "run_with_progress", run)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    return tmp_path


def test_it_installs_once(checkout, asked):
    assert bootstrap.main(["base", "local"]) == 0
    assert asked == ["Creating .venv", "Installing base", "Installing local"]
    asked.clear()
    assert bootstrap.main(["base", "local"]) == 0
    assert asked == []


def test_it_installs_what_changed_or_is_new(checkout, asked, monkeypatch):
    bootstrap.main(["base", "local"])
    asked.clear()
    monkeypatch.setattr(bootstrap, "venv_usable", lambda: True)
    (checkout / "requirements" / "base.txt").write_text("base-package==2.0\n")
    assert bootstrap.main(["base", "local", "dev"]) == 0
    assert asked == ["Installing base", "Installing dev"]


def test_a_moved_checkout_gets_a_new_environment(checkout, asked, monkeypatch):
    bootstrap.main(["base"])
    asked.clear()
    monkeypatch.setattr(bootstrap, "home", lambda: "elsewhere")
    assert bootstrap.main(["base"]) == 0
    assert asked == ["Creating .venv", "Installing base"]


def test_own_servers_need_no_embedded_ones(checkout, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/hub")
    assert bootstrap.wanted_groups(["base", "local"]) == ["base", "local"]
    monkeypatch.setenv("REDIS_URL", "redis://redis.example/0")
    assert bootstrap.wanted_groups(["base", "local"]) == ["base"]


def test_an_old_python_gets_a_sentence_instead_of_a_syntax_error(capsys, monkeypatch):
    ast.parse(SOURCE.read_text(), feature_version=(3, 6))
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert bootstrap.main(["base"]) == 1
    assert "needs Python 3.11 or newer, and this is 3.10" in capsys.readouterr().err


def test_without_network_it_says_so_and_goes_on_later(checkout, capsys, monkeypatch):
    output = "WARNING: Retrying (Retry(total=1)) after NewConnectionError\nERROR: No match"
    working = bootstrap.run_with_progress

    def offline(command, label, total, log):
        working(command, label, total, log)
        return (0, "") if label == "Creating .venv" else (1, output)

    monkeypatch.setattr(bootstrap, "run_with_progress", offline)
    assert bootstrap.main(["base"]) == 1
    sentence = capsys.readouterr().err
    assert "the package index cannot be reached" in sentence
    assert len(sentence.splitlines()) == 1
    monkeypatch.setattr(bootstrap, "run_with_progress", working)
    assert bootstrap.main(["base"]) == 0


def test_servers_that_do_not_install_are_no_reason_to_stop(checkout, capsys, monkeypatch):
    working = bootstrap.run_with_progress

    def no_wheel(command, label, total, log):
        working(command, label, total, log)
        return (1, "ERROR: No matching distribution") if label == "Installing local" else (0, "")

    monkeypatch.setattr(bootstrap, "run_with_progress", no_wheel)
    assert bootstrap.main(["base", "local"]) == 0
    assert "Looking for PostgreSQL and Valkey on this machine" in capsys.readouterr().out


def test_a_missing_venv_module_is_named(checkout, capsys, monkeypatch):
    told = "The virtual environment was not created because ensurepip is not available."
    monkeypatch.setattr(bootstrap, "run_with_progress", lambda *given: (1, told))
    assert bootstrap.main(["base"]) == 1
    assert "apt install python3-venv" in capsys.readouterr().err


def test_a_folder_it_cannot_write_is_named(checkout, capsys):
    (checkout / ".hub").touch()
    assert bootstrap.main(["base"]) == 1
    assert f"cannot write into {checkout}" in capsys.readouterr().err


def test_progress_tells_where_it_is():
    lines = ["Collecting django==5.2 (from -r base.txt)", "  Downloading", "Collecting celery"]
    assert bootstrap.progress("Installing base", lines, 61, 4.2) == (
        "Installing base: 2 of 61 packages, celery (4 s)"
    )
    lines.append("Installing collected packages: celery, django")
    assert "unpacking 61 packages" in bootstrap.progress("Installing base", lines, 61, 9)


def test_it_has_nothing_to_do_within_a_moment(checkout):
    """The real file, as `make` calls it: an installed environment costs no noticeable time."""
    ran = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", SOURCE], capture_output=True, text=True
    )
    assert ran.returncode == 0
    assert "django" not in ran.stderr
