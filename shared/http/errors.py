"""Every error that reaches a client, as {"error": {"type", "message", "param", "code"}}.

    ApiError
    ├── InvalidRequest          400  what was sent cannot be used
    ├── Unauthorized            401  no key, or a wrong one
    ├── Forbidden               403  a key would not help
    ├── NotFound                404  no such path or thing
    ├── MethodNotAllowed        405  the path exists, the method does not
    ├── RequestTooSlow          408  its body did not come in time
    ├── Conflict                409  not in the state that a thing is in
    ├── TooLarge                413  over a limit
    ├── UnsupportedMediaType    415  a content type or sound format that is not read here
    ├── RangeNotSatisfiable     416  the part that is asked for is not there
    ├── InternalError           500  our fault; the log has the rest
    ├── QueueFull               429  come back after Retry-After seconds
    │   └── RateLimited         429  so, too: more than one caller may ask for
    ├── BadGateway              502  a service behind the gateway failed
    ├── NotReady                503  starting or draining
    └── TooSlow                 504  waited past its deadline

A message names the field, the limit and the remedy.
"""

from typing import Any, ClassVar


class ApiError(Exception):
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


class InternalError(ApiError):
    """Raised for nothing; the answer to what nobody foresaw."""


class QueueFull(ApiError):
    status = 429
    type = "rate_limit_error"
    code = "queue_full"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        # What is left of its body is not read, and others need the connection's place.
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
