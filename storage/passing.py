"""Which of ClickHouse's errors say something of its state, and not of what was asked of it.

Numbers are those of ClickHouse's src/Common/ErrorCodes.cpp, which never change their meaning.
"""

from __future__ import annotations

import re
from typing import Final

PASSING: Final = frozenset(
    {
        60,  # UNKNOWN_TABLE: someone dropped it, someone may bring it back
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        81,  # UNKNOWN_DATABASE
        159,  # TIMEOUT_EXCEEDED
        164,  # READONLY
        173,  # CANNOT_ALLOCATE_MEMORY
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        194,  # REQUIRED_PASSWORD
        195,  # IP_ADDRESS_NOT_ALLOWED
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        291,  # DATABASE_ACCESS_DENIED
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        473,  # DEADLOCK_AVOIDED
        497,  # ACCESS_DENIED
        499,  # S3_ERROR
        516,  # AUTHENTICATION_FAILED
        999,  # KEEPER_EXCEPTION
        1000,  # POCO_EXCEPTION, of which a full disk is one
    }
)
"""An insert that fails with one of these may succeed later, once the store is well again."""

_CODE: Final = re.compile(r"Code: (\d+)\.")


def is_passing(message: str) -> bool:
    """Whether an error that ClickHouse wrote as text, `Code: 241. DB::Exception: …`, is one of these."""
    found = _CODE.search(message)
    return found is not None and int(found[1]) in PASSING
