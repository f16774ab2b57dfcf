"""Certificate signing requests, and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import Row, annotated, created, kind, labelled, many, one
from collector.state.objects import Condition, Object, Part

_CONDITIONS: Final = ("Approved", "Denied", "Failed")


class RequestSpec(Part, frozen=True, kw_only=True):
    """Who should sign."""

    signer_name: str = ""


class RequestStatus(Part, frozen=True, kw_only=True):
    """What became of it. certificate: in base64."""

    certificate: str | None = None
    conditions: list[Condition] | None = None


class Request(Object, frozen=True, kw_only=True):
    """A certificate signing request."""

    spec: RequestSpec = RequestSpec()
    status: RequestStatus = RequestStatus()


def _conditions(item: Request) -> list[Row]:
    said = [found.type for found in item.status.conditions or ()]
    return [((name.lower(),), float(said.count(name))) for name in _CONDITIONS]


def _length(item: Request) -> float:
    text = item.status.certificate or ""
    return float(len(text) * 3 // 4 - text.count("=", -2))


CERTIFICATE_REQUESTS: Final = kind(
    Resource("certificates.k8s.io/v1", "certificatesigningrequests", Request),
    "certificatesigningrequest",
    ("certificatesigningrequest", "signer_name"),
    lambda item: (item.metadata.name, item.spec.signer_name),
    (
        annotated(),
        labelled(),
        created(),
        many(
            "condition",
            "[STABLE] The number of each certificatesigningrequest condition",
            ("condition",),
            _conditions,
        ),
        one("cert_length", "[STABLE] Length of the issued cert", _length),
    ),
)
