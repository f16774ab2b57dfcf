"""Every exception that Swell raises on purpose.

Error:
      + InputError              what a caller sent is wrong; the same request will fail again
      |   + DecodeError         bytes are not of the format they claim
      |   + ParseError          query text is wrong, with its position
      |   + UnsupportedMediaError  a body is of a kind that its route does not take
      |   + ConflictError       what a change was made to is not the newest version
      + LimitError              a configured limit refuses the request; names the limit, value and setting
      + ExecutionError          a well-formed query cannot be answered
      + DeadlineError           a query ran out of time
      + CancelledError          the client of a query went away
      + OverloadedError         accepted later: the sender should retry
      |   + RateLimitError      the sender sends faster than it may
      + ScrapeError             a target gave no page that can be taken
      + ConfigError             a setting or a file of the operator's is wrong
      + StorageError            the store refused or failed
          + UnavailableError    the store cannot be reached; retrying helps
          + SchemaError         the store's schema is not one this version can use

A message says what was wrong, the value, and what was expected.

"""


class Error(Exception):
    """The root. Catch it at an edge, never in the middle."""


class InputError(Error):
    """What the caller sent is wrong; sending it again fails again."""


class DecodeError(InputError):
    """Bytes are not of the format that they claim to be."""


class ParseError(InputError):
    """Query text is wrong. `start` and `end` are character offsets, `end` exclusive."""

    def __init__(self, message: str, start: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


class UnsupportedMediaError(InputError):
    """A body is of a kind, or in an encoding, that its route does not take."""


class ConflictError(InputError):
    """A change was made to something that somebody else has changed meanwhile."""


class LimitError(Error):
    """A configured limit refuses the request. The message names the limit, the value and the setting."""


class ExecutionError(Error):
    """A query that parses cannot be answered, for example many-to-many matching."""


class DeadlineError(Error):
    """A query did not end before its deadline."""


class CancelledError(Error):
    """The client of a query went away before its answer."""


class OverloadedError(Error):
    """The request may succeed later. `retry_after_s` is when to try again."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitError(OverloadedError):
    """The sender sends faster than it may; the message names the rate and the setting."""


class ScrapeError(Error):
    """A target gave no page that can be taken. `reason` is a word to count by."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigError(Error):
    """A setting or a file of the operator's is wrong; the message names the key."""


class StorageError(Error):
    """The store refused or failed."""


class UnavailableError(StorageError):
    """The store cannot be reached at the moment."""


class SchemaError(StorageError):
    """The store's schema is not one that this version can use."""
