"""docker-compose.yml and the image: what must hold, read without a container engine."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
APP = ("web", "worker", "beat", "migrate")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def config(folder, **env):
    return subprocess.run(
        ["docker-compose", "-f", ROOT / "docker-compose.yml", "config"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_all_services_are_there_and_watched(compose):
    assert set(compose["services"]) == {*APP, "postgres", "redis"}
    for name, service in compose["services"].items():
        check = service["healthcheck"]
        assert check == {"disable": True} if name == "migrate" else check["test"]


def test_one_image_is_built_once_and_runs_without_rights(compose):
    services = compose["services"]
    assert len({services[name]["image"] for name in APP}) == 1
    assert [name for name in services if "build" in services[name]] == ["migrate"]
    for name in APP:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\w+)$", dockerfile, re.M) == ["producthub"]


def test_nothing_starts_before_the_migrations_are_through(compose):
    for name in ("web", "worker", "beat"):
        after = compose["services"][name]["depends_on"]
        assert after["migrate"] == {"condition": "service_completed_successfully"}
        assert after["postgres"] == after["redis"] == {"condition": "service_healthy"}
    assert compose["services"]["migrate"]["command"] == ["python", "manage.py", "prepare"]
    assert "migrate" not in compose["services"]["migrate"]["depends_on"]


def test_workers_can_be_multiplied(compose):
    for name, service in compose["services"].items():
        assert "container_name" not in service
        assert ("ports" in service) == (name == "web")


def test_data_is_in_volumes(compose):
    for name in ("postgres", "redis", "web"):
        volume = compose["services"][name]["volumes"][0].partition(":")[0]
        assert volume in compose["volumes"]


def test_secrets_come_from_the_environment_only(compose):
    environment = compose["services"]["web"]["environment"]
    assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]
    for name, value in environment.items():
        if re.search("TOKEN|SECRET|PASSWORD|KEYS", name) and name != "SECRET_KEY":
            assert value is None


def test_every_setting_reaches_the_containers(compose):
    listed = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    in_the_image = {"HOST", "PORT", "HUB_DIR", "STATIC_ROOT", "MEDIA_ROOT"}
    local_only = {"DEBUG", "HUB_EMBEDDED", "HUB_PGBIN"}
    passed = set(compose["services"]["web"]["environment"])
    assert listed - in_the_image - local_only - {"POSTGRES_PASSWORD"} == passed
    assert passed < set(compose["services"]["migrate"]["environment"])


def test_the_local_data_stays_out_of_the_image():
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".hub", ".venv", ".env"} <= set(ignored)


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="no docker-compose here")
def test_docker_compose_reads_it_and_says_what_is_missing(tmp_path):
    missing = config(tmp_path)
    assert missing.returncode != 0
    assert missing.stderr.strip().endswith(
        "Set SECRET_KEY in .env to at least 50 random characters."
    )
    ran = config(tmp_path, SECRET_KEY="k" * 50, POSTGRES_PASSWORD="p", JIRA_API_TOKEN="t")
    assert ran.returncode == 0, ran.stderr
    read = yaml.safe_load(ran.stdout)
    environment = read["services"]["worker"]["environment"]
    assert environment["DATABASE_URL"] == "postgres://producthub:p@postgres:5432/producthub"
    assert environment["JIRA_API_TOKEN"] == "t"
