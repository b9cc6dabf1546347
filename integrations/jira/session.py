"""A client to Jira for one piece of work, under the circuit and the pauses that all share."""

from collections.abc import Iterator
from contextlib import contextmanager

from integrations import circuit, limiter
from integrations.errors import CredentialsRefused, RateLimited
from integrations.http import READ_TIMEOUT_SECONDS
from integrations.jira.client import JiraClient
from integrations.jira.config import NotConfigured, jira_config
from integrations.models import Source


@contextmanager
def jira_client(*, read_timeout: float = READ_TIMEOUT_SECONDS) -> Iterator[JiraClient]:
    """A client that is closed in the end; what Jira refuses or asks for, all workers learn.

    Raises NotConfigured, and CredentialsRefused while the present token is known to be refused.
    """
    config = jira_config()
    if config is None:
        raise NotConfigured("Jira is off. Set JIRA_BASE_URL and JIRA_API_TOKEN to connect it.")
    circuit.require_closed(Source.JIRA)
    client = JiraClient(config, read_timeout=read_timeout)
    try:
        yield client
    except CredentialsRefused as error:
        circuit.refused(Source.JIRA, str(error))
        raise
    except RateLimited as pause:
        if pause.__cause__ is not None:  # Jira said so, rather than our own limiter
            limiter.pause(Source.JIRA.value, pause.wait_seconds)
        raise
    finally:
        client.close()
