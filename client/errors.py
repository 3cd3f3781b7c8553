"""Errors of calls to the services. Every message is one line.

ChainError
├── Unreachable    nothing answered, or the connection broke at every attempt
├── TimedOut       no response in time, or the deadline has passed
├── ServiceError   the service answered with an error
└── BadResponse    the response breaks the contract
"""


class ChainError(Exception):
    """Base class. service: encoder, synthesizer or vocoder."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(message)
        self.service = service


class Unreachable(ChainError):
    pass


class TimedOut(ChainError):
    pass


class ServiceError(ChainError):
    """An error response.

    status: the HTTP status. message, param, code: from the error object, if there is one.
    retry_after: seconds, from the header; None without one.
    """

    def __init__(
        self,
        service: str,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(service, f"the {service} answered {status}: {message}")
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after = retry_after


class BadResponse(ChainError):
    pass
