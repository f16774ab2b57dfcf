"""Jobs and their families."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    created,
    info,
    kind,
    labelled,
    many,
    namespaced,
    one,
    owners,
    status_rows,
)
from collector.state.moment import moment
from collector.state.objects import Condition, Object, Part

_REASONS: Final = ("BackoffLimitExceeded", "DeadlineExceeded", "Evicted")


class JobSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    parallelism: int | None = None
    completions: int | None = None
    active_deadline_seconds: int | None = None


class JobStatus(Part, frozen=True, kw_only=True):
    """What became of it."""

    active: int = 0
    ready: int | None = None
    succeeded: int = 0
    failed: int = 0
    start_time: str | None = None
    completion_time: str | None = None
    conditions: list[Condition] | None = None


class Job(Object, frozen=True, kw_only=True):
    """A job."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


def _conditions(job: Job, type_: str) -> Iterator[Condition]:
    return (found for found in job.status.conditions or () if found.type == type_)


def _condition_rows(job: Job, type_: str) -> list[Row]:
    return [row for found in _conditions(job, type_) for row in status_rows(found.status)]


def _failed(job: Job) -> Iterable[Row]:
    """A row for each reason that is known, where one of them is said; else their number without a reason."""
    reasons = {found.reason for found in _conditions(job, "Failed")} & {*_REASONS}
    if not job.status.failed or not reasons:
        return ((("",), float(job.status.failed)),)
    return [((reason,), float(reason in reasons)) for reason in _REASONS]


def _suspended(job: Job) -> float | None:
    return next((float(found.status == "True") for found in _conditions(job, "Suspended")), None)


JOBS: Final = kind(
    Resource("batch/v1", "jobs", Job),
    "job",
    ("namespace", "job_name"),
    namespaced,
    (
        annotated(),
        labelled(),
        info("info", "[STABLE] Information about job.", (), lambda _: ()),
        created(),
        one(
            "spec_parallelism",
            "[STABLE] The maximum desired number of pods the job should run at any given time.",
            lambda job: job.spec.parallelism,
        ),
        one(
            "spec_completions",
            "[STABLE] The desired number of successfully finished pods the job should be run with.",
            lambda job: job.spec.completions,
        ),
        one(
            "spec_active_deadline_seconds",
            "[STABLE] The duration in seconds relative to the startTime that the job may be active before "
            "the system tries to terminate it.",
            lambda job: job.spec.active_deadline_seconds,
        ),
        one(
            "status_succeeded",
            "[STABLE] The number of pods which reached Phase Succeeded.",
            lambda job: job.status.succeeded,
        ),
        many(
            "status_failed",
            "[STABLE] The number of pods which reached Phase Failed and the reason for failure.",
            ("reason",),
            _failed,
        ),
        one("status_active", "[STABLE] The number of actively running pods.", lambda job: job.status.active),
        one(
            "status_ready",
            "The number of ready pods that belong to this Job.",
            lambda job: job.status.ready,
        ),
        one("status_suspended", "The number of pods which reached Phase Suspended.", _suspended),
        many(
            "complete",
            "[STABLE] The job has completed its execution.",
            ("condition",),
            lambda job: _condition_rows(job, "Complete"),
        ),
        many(
            "failed",
            "[STABLE] The job has failed its execution.",
            ("condition",),
            lambda job: _condition_rows(job, "Failed"),
        ),
        one(
            "status_start_time",
            "[STABLE] StartTime represents time when the job was acknowledged by the Job Manager.",
            lambda job: moment(job.status.start_time),
        ),
        one(
            "status_completion_time",
            "[STABLE] CompletionTime represents time when the job was completed.",
            lambda job: moment(job.status.completion_time),
        ),
        owners("[STABLE] Information about the Job's owner."),
    ),
)
