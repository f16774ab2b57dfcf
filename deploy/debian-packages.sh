#!/bin/sh
# Install the Debian packages that tests and benchmarks use, where the user may. Without them those skip and say so.
set -u

missing=""
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }

need prometheus prometheus
need prometheus-node-exporter prometheus-node-exporter
need victoria-metrics victoria-metrics
need clickhouse-server clickhouse-server
need chromium "chromium fonts-dejavu-core"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "not installed:$missing (needs root and apt-get); the tests that use them will be skipped"
  exit 0
fi
# shellcheck disable=SC2086 # a list of packages
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
  echo "could not install:$missing; the tests that use them will be skipped"
