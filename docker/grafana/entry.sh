#!/bin/sh
# Starts Grafana. Without a password everyone who can reach it can view the dashboards, and nobody can log in. With one, Grafana asks
# for it first. If other machines can reach Grafana, a password is required. A well-known one is rejected.
set -eu
. /require.sh
case $GF_SERVER_HTTP_ADDR in
	127.0.0.1 | localhost | 0.0.0.0 | ::) require_free_port GRAFANA_PORT "$GF_SERVER_HTTP_PORT" 3001 ;;
	*) require_port GRAFANA_PORT "$GF_SERVER_HTTP_PORT" 3001 ;; # Grafana says itself if another address is taken
esac
require_folder config/grafana /etc/grafana/own

refuse() {
	example=$(tr -dc a-z0-9 </dev/urandom | head -c 16)
	echo "GRAFANA_ADDR=$GF_SERVER_HTTP_ADDR, GRAFANA_PASSWORD: $1; for example, in .env, GRAFANA_PASSWORD='$example'" >&2
	exit 1
}
case $(printf %s "$GRAFANA_PASSWORD" | tr A-Z a-z) in
	admin | admin123 | administrator | grafana | gonetmon | password | passw0rd | secret | changeme | change-me | letmein | 123456 | 12345678)
		refuse "that password is too common" ;;
	"")
		case $GF_SERVER_HTTP_ADDR in
			127.*[!0-9.]*) refuse "other machines can reach Grafana, so set a password" ;;
			127.* | ::1 | localhost) ;;
			*) refuse "other machines can reach Grafana, so set a password" ;;
		esac
		export GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true GF_AUTH_DISABLE_LOGIN_FORM=true GF_AUTH_BASIC_ENABLED=false
		export GF_AUTH_ANONYMOUS_ENABLED=true GF_AUTH_ANONYMOUS_ORG_ROLE=Viewer ;;
	*)
		export GF_SECURITY_ADMIN_PASSWORD="$GRAFANA_PASSWORD"
		# Grafana takes the password of the environment only for a new account. In an older one it is changed here.
		if [ -e "$GF_PATHS_DATA/grafana.db" ]; then
			changed=$(printf '%s\n' "$GRAFANA_PASSWORD" | grafana cli --homepath "$GF_PATHS_HOME" --config "$GF_PATHS_CONFIG" \
				admin reset-admin-password --password-from-stdin 2>&1) ||
				printf 'GRAFANA_PASSWORD: the password of the user admin is the previous one: %s\n' "$changed" >&2
		fi ;;
esac
unset GRAFANA_PASSWORD
# Protection against DNS rebinding (SECURITY.md): a request for any other host is redirected to this address. Grafana cannot compare
# IPv6 addresses, and with 0.0.0.0 it has no address of its own.
case $GF_SERVER_HTTP_ADDR in
	0.0.0.0 | *:*) ;;
	*)
		export GF_SERVER_DOMAIN="${GF_SERVER_DOMAIN:-$GF_SERVER_HTTP_ADDR}"
		export GF_SERVER_ENFORCE_DOMAIN="${GF_SERVER_ENFORCE_DOMAIN:-true}" ;;
esac
exec /run.sh "$@"
