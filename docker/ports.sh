# Checks the ports of the containers, which use the host's network. The entry points of Prometheus, Alertmanager and Grafana read it.

# require_port NAME VALUE EXAMPLE ends the script if VALUE is not a port.
require_port() {
	case $2 in
		0* | *[!0-9]* | ??????*) echo "$1=$2: is not a port; for example $1=$3" >&2; exit 1 ;;
	esac
}

# require_free_port NAME VALUE EXAMPLE ends the script if a program listens on that port of 127.0.0.1 or of all addresses. In proc(5),
# 0A is the state of a socket that listens, and addresses and ports are hexadecimal.
require_free_port() {
	require_port "$@"
	any4=00000000 loopback4=0100007F any6=00000000000000000000000000000000
	if grep -qE "^ *[0-9]+: ($any4|$loopback4|$any6):$(printf %04X "$2") [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
		echo "$1=$2: another program uses this port; for example, in .env, $1=$3" >&2
		exit 1
	fi
}
