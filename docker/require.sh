# Checks what a user can set wrong, for the entry points of Prometheus, Alertmanager and Grafana. The containers use the host's network.

# require_port NAME VALUE EXAMPLE ends the script if VALUE is not a port.
require_port() {
	case $2 in
		0* | *[!0-9]* | ??????*) port=0 ;;
		*) port=$2 ;;
	esac
	if [ "$port" = 0 ] || [ "$port" -gt 65535 ]; then
		echo "$1=$2: is not a port; for example $1=$3" >&2
		exit 1
	fi
}

# require_form NAME VALUE PATTERN WHAT EXAMPLE ends the script if VALUE does not match the extended regular expression.
require_form() {
	if ! printf %s "$2" | grep -qxE "$3"; then
		echo "$1=$2: is not $4; for example $1=$5" >&2
		exit 1
	fi
}

# another_port PORT prints the next one.
another_port() { if [ "$1" -lt 65535 ]; then echo $(($1 + 1)); else echo 65534; fi; }

# require_free_port NAME VALUE EXAMPLE ends the script if a program listens on that port of 127.0.0.1 or of all addresses. In proc(5),
# 0A is the state of a socket that listens, and addresses and ports are hexadecimal.
require_free_port() {
	require_port "$@"
	any4=00000000 loopback4=0100007F any6=00000000000000000000000000000000 mapped=0000000000000000FFFF00000100007F
	if grep -qE "^ *[0-9]+: ($any4|$loopback4|$any6|$mapped):$(printf %04X "$2") [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
		echo "$1=$2: another program uses this port; for example, in .env, $1=$(another_port "$2")" >&2
		exit 1
	fi
}

# require_folder NAME PATH ends the script if the folder of the user is at PATH, and cannot be read.
require_folder() {
	if [ -e "$2" ] && { [ ! -r "$2" ] || [ ! -x "$2" ]; }; then
		echo "$1: user $(id -u) cannot read this folder; chmod a+rx config $1" >&2
		exit 1
	fi
}
