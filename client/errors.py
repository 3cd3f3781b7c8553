"""Everything that can go wrong between a client and the services; each message is one line.

ChainError
├── Unreachable    nothing answers there, or the connection broke every time
├── TimedOut       too long without an answer, or over the deadline
├── ServiceError   the service answered with an error
└── BadResponse    the service answered with something that is not of the contract
"""


class ChainError(Exception):
    """service: encoder, synthesizer or vocoder."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(message)
        self.service = service


class Unreachable(ChainError):
    pass


class TimedOut(ChainError):
    pass


class ServiceError(ChainError):
    """status: of HTTP. message, param, code: of the error object, if one was sent.

    retry_after: seconds, if the service said so.
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
