#!/bin/sh
# Starts Prometheus. prometheus.yml is complete with the default ports. This script replaces them in a copy by those of .env, all at
# once, so that two services can also swap ports. It adds the password and TLS of gonetmon, if there are any. The certificate is not
# verified: gonetmon is on the same machine, and the certificate need not have its address.
set -eu
. /require.sh
require_port GONETMON_PORT "$GONETMON_PORT" 8081
require_port ALERTMANAGER_PORT "$ALERTMANAGER_PORT" 9193
require_free_port PROMETHEUS_PORT "$PROMETHEUS_PORT" 9191
# What Prometheus accepts, which prints all its flags otherwise. It cannot count more than 292 years.
time='([12]?[0-9]?[0-9]y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?' number='[0-9]+([.][0-9]+)?'
require_form PROMETHEUS_RETENTION_TIME "$RETENTION_TIME" "0|$time" "a duration" 1y
require_form PROMETHEUS_RETENTION_SIZE "$RETENTION_SIZE" "0|($number[KMGTPE]?B)+|($number([KMGTPE]i)?B)+" "a size" 4GB
require_folder config/prometheus /etc/prometheus/own

config=/etc/prometheus/prometheus.yml
[ ! -e /etc/prometheus/own/prometheus.yml ] || config=/etc/prometheus/own/prometheus.yml

case $GONETMON_ADDR in
	"" | 0.0.0.0) gonetmon=127.0.0.1 ;;
	:: | "[::]") gonetmon=[::1] ;;
	"["*) gonetmon=$GONETMON_ADDR ;;
	*:*) gonetmon=[$GONETMON_ADDR] ;;
	*) gonetmon=$GONETMON_ADDR ;;
esac
access=
if [ -n "$GONETMON_PASSWORD" ]; then
	(umask 077; printf %s "$GONETMON_PASSWORD" >/run/prometheus/password)
	access='\n    basic_auth: {username: gonetmon, password_file: /run/prometheus/password}'
fi
case $GONETMON_TLS_CERT in
	"" | none) ;;
	*) access="$access\n    scheme: https\n    tls_config: {insecure_skip_verify: true}" ;;
esac
unset GONETMON_PASSWORD
sed -e "s|^  - job_name: gonetmon$|&$access|" \
	-e 's|127\.0\.0\.1:8080|@GONETMON@|; s|127\.0\.0\.1:9090|@PROMETHEUS@|; s|127\.0\.0\.1:9093|@ALERTMANAGER@|' \
	-e "s|@GONETMON@|$gonetmon:$GONETMON_PORT|" \
	-e "s|@PROMETHEUS@|127.0.0.1:$PROMETHEUS_PORT|" \
	-e "s|@ALERTMANAGER@|127.0.0.1:$ALERTMANAGER_PORT|" \
	$config >/run/prometheus/prometheus.yml
# By the title, Grafana's health check tells this Prometheus from others. Changes of scrape*.yml and
# rules*.yml take effect within 30 seconds.
exec prometheus --config.file=/run/prometheus/prometheus.yml --config.auto-reload \
	--web.listen-address="127.0.0.1:$PROMETHEUS_PORT" --web.page-title=gonetmon --storage.tsdb.path=/prometheus \
	--storage.tsdb.retention.time="$RETENTION_TIME" --storage.tsdb.retention.size="$RETENTION_SIZE" "$@"
