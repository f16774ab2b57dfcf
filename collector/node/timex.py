"""How well the clock is disciplined: adjtimex(2), which reads when its `modes` are 0."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

from collector.families import Reading, counter, gauge
from collector.node.roots import Roots

_NANO = 0x2000  # STA_NANO: offset, jitter and the like are nanoseconds, not microseconds
_ERROR = 5  # TIME_ERROR: not synchronised
_SECOND_US = 1e6
_SECOND_NS = 1e9
_SCALED_PPM = 65536e6  # frequencies are parts per million with 16 bits of fraction
_SCALED_HERTZ = 65536e6

_LIBC = ctypes.CDLL(None, use_errno=True)
_LONG = ctypes.c_long


class _Timeval(ctypes.Structure):
    _fields_ = (("sec", _LONG), ("usec", _LONG))


class _Timex(ctypes.Structure):
    """The kernel's struct timex (include/uapi/linux/timex.h)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", _LONG),
        ("freq", _LONG),
        ("maxerror", _LONG),
        ("esterror", _LONG),
        ("status", ctypes.c_int),
        ("constant", _LONG),
        ("precision", _LONG),
        ("tolerance", _LONG),
        ("time", _Timeval),
        ("tick", _LONG),
        ("ppsfreq", _LONG),
        ("jitter", _LONG),
        ("shift", ctypes.c_int),
        ("stabil", _LONG),
        ("jitcnt", _LONG),
        ("calcnt", _LONG),
        ("errcnt", _LONG),
        ("stbcnt", _LONG),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


FIELDS = tuple(name for name, kind in _Timex._fields_ if kind in (_LONG, ctypes.c_int))

OFFSET = gauge("node_timex_offset_seconds", "Time offset in between local system and reference clock.")
FREQUENCY = gauge("node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment.")
MAX_ERROR = gauge("node_timex_maxerror_seconds", "Maximum error in seconds.")
ESTIMATED_ERROR = gauge("node_timex_estimated_error_seconds", "Estimated error in seconds.")
STATUS = gauge("node_timex_status", "Value of the status array bits.")
CONSTANT = gauge("node_timex_loop_time_constant", "Phase-locked loop time constant.")
TICK = gauge("node_timex_tick_seconds", "Seconds between clock ticks.")
PPS_FREQUENCY = gauge("node_timex_pps_frequency_hertz", "Pulse per second frequency.")
PPS_JITTER = gauge("node_timex_pps_jitter_seconds", "Pulse per second jitter.")
PPS_SHIFT = gauge("node_timex_pps_shift_seconds", "Pulse per second interval duration.")
PPS_STABILITY = gauge(
    "node_timex_pps_stability_hertz", "Pulse per second stability, average of recent frequency changes."
)
PPS_JITTERS = counter(
    "node_timex_pps_jitter_total", "Pulse per second count of jitter limit exceeded events."
)
PPS_CALIBRATIONS = counter(
    "node_timex_pps_calibration_total", "Pulse per second count of calibration intervals."
)
PPS_ERRORS = counter("node_timex_pps_error_total", "Pulse per second count of calibration errors.")
PPS_UNSTABLE = counter(
    "node_timex_pps_stability_exceeded_total", "Pulse per second count of stability limit exceeded events."
)
TAI = gauge("node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset.")
SYNC = gauge("node_timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).")


def readings(state: int, fields: Mapping[str, int]) -> list[Reading]:
    """What adjtimex answers and the fields of its struct to readings in base units."""
    fraction = _SECOND_NS if fields["status"] & _NANO else _SECOND_US
    return [
        SYNC.one(float(state != _ERROR)),
        OFFSET.one(fields["offset"] / fraction),
        FREQUENCY.one(1 + fields["freq"] / _SCALED_PPM),
        MAX_ERROR.one(fields["maxerror"] / _SECOND_US),
        ESTIMATED_ERROR.one(fields["esterror"] / _SECOND_US),
        STATUS.one(float(fields["status"])),
        CONSTANT.one(float(fields["constant"])),
        TICK.one(fields["tick"] / _SECOND_US),
        PPS_FREQUENCY.one(fields["ppsfreq"] / _SCALED_HERTZ),
        PPS_JITTER.one(fields["jitter"] / fraction),
        PPS_SHIFT.one(float(fields["shift"])),
        PPS_STABILITY.one(fields["stabil"] / _SCALED_HERTZ),
        PPS_JITTERS.one(float(fields["jitcnt"])),
        PPS_CALIBRATIONS.one(float(fields["calcnt"])),
        PPS_ERRORS.one(float(fields["errcnt"])),
        PPS_UNSTABLE.one(float(fields["stbcnt"])),
        TAI.one(float(fields["tai"])),
    ]


def read(_roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where a sandbox forbids the call."""
    answer = _Timex()
    state = _LIBC.adjtimex(ctypes.byref(answer))
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "adjtimex")
    return readings(state, {name: int(getattr(answer, name)) for name in FIELDS})
