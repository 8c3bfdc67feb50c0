#!/bin/sh
# Waits until all containers of compose.yaml are healthy. As soon as one has ended, restarts again and again or is unhealthy, it prints
# which and why, and fails: the answer of the last health check, and the last lines of the log.

# explain ID STATE
explain() {
	printf '\n%s is %s:\n' "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$1")" "$2"
	docker inspect -f '{{with .State.Health}}{{$last := ""}}{{range .Log}}{{$last = .Output}}{{end}}{{$last}}{{end}}' "$1" | grep .
	docker logs --tail 5 "$1" 2>&1
}

# Docker restarts a container at once, and then waits ever longer: what is restarting twice in a row will not run.
before=''
for _ in $(seq 100); do
	failed='' waits='' restarting=''
	for id in $(docker compose ps -aq); do
		state=$(docker inspect -f '{{.State.Status}}{{with .State.Health}} {{.Status}}{{end}}' "$id")
		case $state in
			running | 'running healthy') ;;
			restarting*)
				restarting="$restarting $id" waits=1
				case $before in *"$id"*) failed=1; explain "$id" "$state" ;; esac ;;
			exited* | dead* | *unhealthy) failed=1; explain "$id" "$state" ;;
			*) waits=1 ;;
		esac
	done
	[ -z "$failed" ] || exit 1
	[ -n "$waits" ] || exit 0
	before=$restarting
	sleep 2
done >&2
echo 'the containers are not healthy after more than three minutes: docker compose ps' >&2
exit 1
