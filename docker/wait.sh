#!/bin/sh
# Waits until all containers of compose.yaml are healthy. As soon as one has ended, restarts again and again or is unhealthy, it prints
# which are not well and why, and fails: the answer of the last health check, and the last lines of the log.

# state ID prints for example: running healthy
state() { docker inspect -f '{{.State.Status}}{{with .State.Health}} {{.Status}}{{end}}' "$1"; }

# explain ID STATE
explain() {
	printf '\n%s is %s:\n' "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$1")" "$2"
	docker inspect -f '{{with .State.Health}}{{$last := ""}}{{range .Log}}{{$last = .Output}}{{end}}{{$last}}{{end}}' "$1" | grep .
	docker logs --tail 5 "$1" 2>&1
}

# Docker restarts a container at once, and then waits ever longer: what is restarting twice in a row will not run.
before='' failed='' waits=1
for _ in $(seq 100); do
	waits='' restarting=''
	for id in $(docker compose ps -aq); do
		case $(state "$id") in
			running | 'running healthy') ;;
			exited* | dead* | 'running unhealthy') failed=1 ;;
			restarting*)
				restarting="$restarting $id" waits=1
				case $before in *"$id"*) failed=1 ;; esac ;;
			*) waits=1 ;;
		esac
	done
	[ -n "$waits" ] && [ -z "$failed" ] || break
	before=$restarting
	sleep 2
done
[ -n "$failed$waits" ] || exit 0

for id in $(docker compose ps -aq); do
	state=$(state "$id")
	case $state in running | 'running healthy') ;; *) explain "$id" "$state" ;; esac
done >&2
exit 1
