"""Certificates: the target's is checked, ours is shown, files are read again."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.target import Trust
from tests.collector.scrape.serving import Pages, serving
from tests.collector.scrape.test_scrape import own, sweeps, target


def make_authority(directory: Path, name: str) -> None:
    _openssl(
        directory,
        f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} "
        f"-keyout {name}.key -out {name}.crt -addext basicConstraints=critical,CA:TRUE",
    )


def make_certificate(directory: Path, name: str, authority: str, alternatives: str) -> None:
    _openssl(
        directory,
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        f"-subj /CN={name} -keyout {name}.key -out {name}.csr",
    )
    (directory / f"{name}.ext").write_text(f"subjectAltName={alternatives}\n")
    _openssl(
        directory,
        f"x509 -req -in {name}.csr -CA {authority}.crt -CAkey {authority}.key -days 2 -set_serial 7 "
        f"-extfile {name}.ext -out {name}.crt",
    )


def _openssl(directory: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    make_authority(directory, "ours")
    make_authority(directory, "other")
    make_certificate(directory, "server", "ours", "DNS:kubelet.test")
    make_certificate(directory, "client", "ours", "DNS:collector.test")
    return directory


@pytest.fixture
def pages(files: Path) -> Iterator[Pages]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.crt", files / "server.key")
    context.load_verify_locations(files / "ours.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    with serving(context) as found:
        found.put(b"m 1\n")
        yield found


def error(pages: Pages, trust: Trust) -> str:
    return sweeps(target(pages.url("/metrics"), trust=trust))[1].status.error


def test_a_target_is_believed_by_its_authority_and_its_name(pages: Pages, files: Path) -> None:
    trust = Trust(ca_file=files / "ours.crt", server_name="kubelet.test")
    [sweep], _ = sweeps(target(pages.url("/metrics"), trust=trust))

    assert own(sweep) == {"m": "1"}


def test_another_authority_or_name_is_a_failed_scrape(pages: Pages, files: Path) -> None:
    assert "certificate" in error(pages, Trust(ca_file=files / "other.crt", server_name="kubelet.test"))
    assert "certificate" in error(pages, Trust(ca_file=files / "ours.crt"))
    assert "certificate" in error(pages, Trust())


def test_nothing_is_checked_where_so_configured(pages: Pages) -> None:
    assert error(pages, Trust(insecure=True)) == ""


def test_a_certificate_of_ours_is_shown(pages: Pages, files: Path) -> None:
    trust = Trust(insecure=True, cert_file=files / "client.crt", key_file=files / "client.key")

    assert error(pages, trust) == ""


def test_files_are_read_again_when_they_change(pages: Pages, files: Path, tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_bytes((files / "other.crt").read_bytes())
    trust = Trust(ca_file=authority, server_name="kubelet.test")
    found, scrape = sweeps(
        target(pages.url("/metrics"), trust=trust),
        lambda: authority.write_bytes((files / "ours.crt").read_bytes() + b"\n"),
    )

    assert own(found[0]) == {}
    assert own(found[1]) == {"m": "1"}
    assert scrape.status.failures == {"connection": 1}


def test_a_file_that_is_no_certificate_is_a_failed_scrape(pages: Pages, tmp_path: Path) -> None:
    broken = tmp_path / "ca.crt"
    broken.write_text("none")

    assert "cannot use" in error(pages, Trust(ca_file=broken))
    assert "cannot use" in error(pages, Trust(ca_file=tmp_path / "missing"))
