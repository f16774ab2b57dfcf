"""The cluster that a collector runs in, opened for watching."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from collector.kube.change import Change, Resource
from collector.kube.client import SERVICE_ACCOUNT, Client
from collector.kube.reflector import Tally, changes
from collector.target import Credentials, Trust

Watch = Callable[[Resource[Any]], AsyncIterator[Change[Any]]]


def client_of(api_url: str, environment: Mapping[str, str] = os.environ) -> Client | None:
    """The client for an address, else for the cluster that this process runs in; None outside of one.

    At an address too, the token and the CA are the service account's where they are there.
    """
    if not api_url:
        return Client.in_cluster(environment) if environment.get("KUBERNETES_SERVICE_HOST") else None
    token, ca = SERVICE_ACCOUNT / "token", SERVICE_ACCOUNT / "ca.crt"
    return Client(
        api_url,
        Credentials(bearer_file=token if token.exists() else None),
        Trust(ca_file=ca if ca.exists() else None),
    )


def watch_of(api_url: str, stack: AsyncExitStack, tallies: dict[str, Tally] | None = None) -> Watch | None:
    """Watches of the cluster, None where there is none. The connections close with `stack`.

    tallies: what became of the calls, by resource in the plural; several watches of one share theirs.
    """
    client = client_of(api_url)
    if client is None:
        return None
    stack.push_async_callback(client.close)
    counted = tallies if tallies is not None else {}

    def watch(resource: Resource[Any]) -> AsyncIterator[Change[Any]]:
        return changes(client, resource, counted.setdefault(resource.plural, Tally()))

    return watch
