#!/bin/sh
# Install the Debian packages that tests and benchmarks use, where the user may. Without them those skip and say so.
set -u

# Prometheus 3 of Debian's newest suite, for the differential test; extracted, so that it replaces nothing.
extract_prometheus() {
  root="$HOME/.cache/swell/prometheus-sid"
  [ -x "$root/usr/bin/prometheus" ] && return 0
  command -v apt-get >/dev/null 2>&1 || return 1
  work=$(mktemp -d) && mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial" "$root" || return 1
  printf 'Types: deb\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' "$(debian_mirror)" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$work/sources/sid.sources"
  set -- -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" \
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
  (cd "$work" && apt-get update "$@" && apt-get download "$@" prometheus/sid && dpkg-deb -x prometheus_*.deb "$root")
  status=$?
  rm -rf "$work"
  return $status
}
# The mirror that this machine already uses.
debian_mirror() { apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -n 1; }
extract_prometheus >/dev/null 2>&1 || echo "no Prometheus 3 could be had; the differential test will be skipped"

missing=""
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }

need prometheus prometheus
need prometheus-node-exporter prometheus-node-exporter
need victoria-metrics victoria-metrics
need clickhouse-server clickhouse-server
need collectd "collectd-core libcurl3-gnutls libyajl2"
need chromium "chromium fonts-dejavu-core"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "not installed:$missing (needs root and apt-get); the tests that use them will be skipped"
  exit 0
fi
# shellcheck disable=SC2086 # a list of packages
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
  echo "could not install:$missing; the tests that use them will be skipped"
