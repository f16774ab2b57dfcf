"""Cron jobs and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import annotated, created, info, kind, labelled, namespaced, one, version
from collector.state.moment import moment
from collector.state.objects import Object, Part, Reference
from collector.state.schedule import schedule


class CronJobSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    schedule: str = ""
    time_zone: str | None = None
    concurrency_policy: str = ""
    suspend: bool | None = None
    starting_deadline_seconds: int | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None


class CronJobStatus(Part, frozen=True, kw_only=True):
    """What became of it."""

    active: list[Reference] | None = None
    last_schedule_time: str | None = None
    last_successful_time: str | None = None


class CronJob(Object, frozen=True, kw_only=True):
    """A cron job."""

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()


def _next(job: CronJob) -> float | None:
    """When it is due after it ran last, or after it was made; None while it is suspended."""
    since = moment(job.status.last_schedule_time) or moment(job.metadata.creation_timestamp)
    if job.spec.suspend or since is None:
        return None
    try:
        return schedule(job.spec.schedule, job.spec.time_zone or "").next_after(since)
    except ValueError:
        return None


def _invalid(job: CronJob) -> float | None:
    try:
        schedule(job.spec.schedule, job.spec.time_zone or "")
    except ValueError:
        return 1.0
    return None


CRON_JOBS: Final = kind(
    Resource("batch/v1", "cronjobs", CronJob),
    "cronjob",
    ("namespace", "cronjob"),
    namespaced,
    (
        annotated(),
        labelled(),
        info(
            "info",
            "[STABLE] Info about cronjob.",
            ("schedule", "concurrency_policy", "timezone"),
            lambda job: (job.spec.schedule, job.spec.concurrency_policy, job.spec.time_zone or "local"),
        ),
        created(),
        one(
            "status_active",
            "[STABLE] Active holds pointers to currently running jobs.",
            lambda job: len(job.status.active or ()),
        ),
        one(
            "status_last_schedule_time",
            "[STABLE] LastScheduleTime keeps information of when was the last time the job was successfully "
            "scheduled.",
            lambda job: moment(job.status.last_schedule_time),
        ),
        one(
            "status_last_successful_time",
            "[STABLE] LastSuccessfulTime keeps information of when was the last time the job was completed "
            "successfully.",
            lambda job: moment(job.status.last_successful_time),
        ),
        one(
            "spec_suspend",
            "[STABLE] Suspend flag tells the controller to suspend subsequent executions.",
            lambda job: job.spec.suspend or False,
        ),
        one(
            "spec_starting_deadline_seconds",
            "[STABLE] Deadline in seconds for starting the job if it misses scheduled time for any reason.",
            lambda job: job.spec.starting_deadline_seconds,
        ),
        one(
            "next_schedule_time",
            "[STABLE] Next time the cronjob should be scheduled. The time after lastScheduleTime, or after "
            "the cron job's creation time if it's never been scheduled. Use this to determine if the job is "
            "delayed.",
            _next,
        ),
        one(
            "schedule_invalid",
            "Emitted with value 1 for cronjobs whose schedule, in its configured timezone, cannot be parsed.",
            _invalid,
        ),
        version("[STABLE] Resource version representing a specific version of the cronjob."),
        one(
            "spec_successful_job_history_limit",
            "Successful job history limit tells the controller how many completed jobs should be preserved.",
            lambda job: job.spec.successful_jobs_history_limit,
        ),
        one(
            "spec_failed_job_history_limit",
            "Failed job history limit tells the controller how many failed jobs should be preserved.",
            lambda job: job.spec.failed_jobs_history_limit,
        ),
    ),
)
