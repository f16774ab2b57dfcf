"""Configurations of admission webhooks, and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import Kind, Row, created, info, kind, many, version
from collector.state.objects import Object, Part, Reference


class Client(Part, frozen=True, kw_only=True):
    """How the webhook is reached: by its service, if it has one."""

    service: Reference | None = None


class Hook(Part, frozen=True, kw_only=True):
    """A webhook."""

    name: str = ""
    client_config: Client = Client()


class Webhooks(Object, frozen=True, kw_only=True):
    """A configuration."""

    webhooks: list[Hook] | None = None


def _services(item: Webhooks) -> Iterator[Row]:
    for hook in item.webhooks or ():
        service = hook.client_config.service
        if service is not None:
            yield (hook.name, service.name, service.namespace), 1.0


def _kind(how: str) -> Kind[Webhooks]:
    title = f"{how}WebhookConfiguration"
    name = title.lower()
    return kind(
        Resource("admissionregistration.k8s.io/v1", f"{name}s", Webhooks),
        name,
        ("namespace", name),
        lambda item: (item.metadata.namespace, item.metadata.name),
        (
            info("info", f"Information about the {title}.", (), lambda _: ()),
            created("Unix creation timestamp."),
            version(f"Resource version representing a specific version of the {title}."),
            many(
                "webhook_clientconfig_service",
                f"Service used by the apiserver to connect to a {how.lower()} webhook.",
                ("webhook_name", "service_name", "service_namespace"),
                _services,
            ),
        ),
    )


MUTATING_WEBHOOKS: Final = _kind("Mutating")
VALIDATING_WEBHOOKS: Final = _kind("Validating")
