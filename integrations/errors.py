"""What can go wrong upstream. Every message is a sentence that a person can act on."""


class UpstreamError(Exception):
    """The source answered with something that trying again will not mend."""


class RetryableUpstreamError(UpstreamError):
    """The source is away, slow or answered with rubbish: the same call may work later."""


class RateLimited(RetryableUpstreamError):
    """The source asks for a pause. `wait_seconds` is how long."""

    def __init__(self, message: str, wait_seconds: float) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class CredentialsRefused(UpstreamError):
    """The source does not accept the token. Calling again may lock the account."""


class QueryRefused(UpstreamError):
    """The source does not understand the question: a project is gone, a page token is stale."""


class NotFound(UpstreamError):
    """There is nothing at this address, or the token may not see it."""


class NotConfigured(CredentialsRefused):
    """No address or no token: the source is off."""


class AlreadyRunning(Exception):
    """Another run of the same source has not ended."""
