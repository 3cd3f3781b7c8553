"""Errors that reach a client, as {"error": {"type", "message", "param", "code"}}.

    ApiError
    ├── InvalidRequest          400  a field or the body is invalid
    ├── Unauthorized            401  no API key, or a wrong one
    ├── Forbidden               403  not allowed, with any key
    ├── NotFound                404  no such route or object
    ├── MethodNotAllowed        405  the route exists, but not for this method
    ├── RequestTooSlow          408  the body did not arrive in time
    ├── Conflict                409  not possible in the object's state
    ├── TooLarge                413  over a limit
    ├── UnsupportedMediaType    415  unsupported content type or sound format
    ├── RangeNotSatisfiable     416  the requested range does not exist
    ├── UpgradeRequired         426  a WebSocket, to which the request did not upgrade
    ├── InternalError           500  unexpected; the log has the details
    ├── QueueFull               429  try again after Retry-After seconds
    │   └── RateLimited         429  over the rate limit of one caller
    ├── BadGateway              502  a service behind the gateway failed
    ├── NotReady                503  starting or draining
    └── TooSlow                 504  waited past the deadline

A message names the field, the limit and the remedy.
"""

from typing import Any, ClassVar


class ApiError(Exception):
    """param: the field or header at fault. code: for programs; docs/api.md lists them."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: str = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """The response body."""
        fields = {"type": self.type, "message": self.message}
        return {"error": {**fields, "param": self.param, "code": self.code}}


class InvalidRequest(ApiError):
    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class Unauthorized(ApiError):
    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(ApiError):
    status = 403
    type = "permission_error"
    code = "forbidden"


class NotFound(ApiError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class MethodNotAllowed(ApiError):
    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTooSlow(ApiError):
    status = 408
    type = "invalid_request_error"
    code = "request_too_slow"


class Conflict(ApiError):
    status = 409
    type = "invalid_request_error"
    code = "conflict"


class TooLarge(ApiError):
    status = 413
    type = "invalid_request_error"
    code = "too_large"


class UnsupportedMediaType(ApiError):
    status = 415
    type = "invalid_request_error"
    code = "unsupported_media_type"


class RangeNotSatisfiable(ApiError):
    status = 416
    type = "invalid_request_error"
    code = "range_not_satisfiable"


class UpgradeRequired(ApiError):
    status = 426
    type = "invalid_request_error"
    code = "websocket_needed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.headers = {"Upgrade": "websocket", "Connection": "Upgrade"}


class InternalError(ApiError):
    """The response to an unexpected exception; never raised."""


class QueueFull(ApiError):
    status = 429
    type = "rate_limit_error"
    code = "queue_full"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        # The rest of the body is not read, and other clients need the connection.
        self.headers = {"Retry-After": str(retry_after_seconds), "Connection": "close"}


class RateLimited(QueueFull):
    code = "rate_limit_exceeded"


class BadGateway(ApiError):
    status = 502
    type = "server_error"
    code = "service_failed"


class NotReady(ApiError):
    status = 503
    type = "server_error"
    code = "not_ready"


class TooSlow(ApiError):
    status = 504
    type = "server_error"
    code = "too_slow"
