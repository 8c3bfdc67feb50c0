#!/bin/sh
# Fails if Grafana does not answer, or if its data source is a Prometheus that is not gonetmon's.
set -eu
. /require.sh
case $GF_SERVER_HTTP_ADDR in
	0.0.0.0) addr=127.0.0.1 ;;
	::) addr=[::1] ;;
	*:*) addr=[$GF_SERVER_HTTP_ADDR] ;;
	*) addr=$GF_SERVER_HTTP_ADDR ;;
esac
wget -Y off -q -O /dev/null "http://$addr:$GF_SERVER_HTTP_PORT/api/health"
# A Prometheus that does not answer has a health check of its own.
flags=$(wget -Y off -q -O - "$PROMETHEUS_URL/api/v1/status/flags" 2>/dev/null) || exit 0
case $flags in
	*'"web.page-title":"gonetmon"'*) ;;
	*)
		echo "PROMETHEUS_PORT: the program at $PROMETHEUS_URL is not gonetmon's Prometheus, so the dashboards show nothing;" \
			"for example, in .env, PROMETHEUS_PORT=$(another_port "${PROMETHEUS_URL##*:}")"
		exit 1 ;;
esac
