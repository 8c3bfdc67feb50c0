#!/bin/sh
# Starts Alertmanager with the user's configuration, or else with one that sends nothing.
set -eu
. /require.sh
require_free_port ALERTMANAGER_PORT "$ALERTMANAGER_PORT" 9193
require_folder config/alertmanager /etc/alertmanager/own
config=/etc/alertmanager/alertmanager.yml
[ ! -e /etc/alertmanager/own/alertmanager.yml ] || config=/etc/alertmanager/own/alertmanager.yml
# It must remember what it has reported for the longest repeat_interval, 720h. Without --cluster.listen-address it is a single instance.
exec alertmanager --config.file=$config --storage.path=/alertmanager --web.listen-address="127.0.0.1:$ALERTMANAGER_PORT" \
	--data.retention=720h --cluster.listen-address= "$@"
