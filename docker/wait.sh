#!/bin/sh
# Waits until all containers of compose.yaml are healthy. As soon as one has ended, restarts again and again or is unhealthy, it prints
# which have failed and why, and fails: the answer of the last health check, and the last lines of the log.

# state ID prints for example: running healthy
state() { docker inspect -f '{{.State.Status}}{{with .State.Health}} {{.Status}}{{end}}' "$1"; }

# explain WHAT ID...
explain() {
	what=$1
	shift
	for id; do
		printf '\n%s %s:\n' "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$id")" "$what"
		docker inspect -f '{{with .State.Health}}{{$last := ""}}{{range .Log}}{{$last = .Output}}{{end}}{{$last}}{{end}}' "$id" | grep .
		# Only of its last start. Docker before 25 notes the time of a start a moment late, when a short script has ended already.
		docker logs --tail 5 --since "$(docker inspect -f '{{.State.StartedAt}}' "$id")" "$id" 2>&1 | grep . ||
			docker logs --tail 1 "$id" 2>&1
	done
}

# What the user has corrected since may be all that a container needs. Docker itself would wait up to a minute.
for id in $(docker compose ps -aq); do
	case $(state "$id") in restarting*) docker restart "$id" >/dev/null ;; esac
done

# Docker restarts a container at once, and then waits ever longer: what is restarting twice in a row will not run.
failed='' restarting=''
for _ in $(seq 100); do
	before=$restarting restarting='' ended='' unhealthy='' waits=''
	for id in $(docker compose ps -aq); do
		case $(state "$id") in
			running | 'running healthy') ;;
			'running unhealthy') unhealthy="$unhealthy $id" failed=1 ;;
			exited* | dead*) ended="$ended $id" failed=1 ;;
			restarting*)
				restarting="$restarting $id"
				case $before in *"$id"*) failed=1 ;; esac ;;
			*) waits="$waits $id" ;;
		esac
	done
	[ -n "$failed" ] || [ -n "$restarting$waits" ] || exit 0
	[ -z "$failed" ] || break
	sleep 2
done

{
	explain 'is unhealthy' $unhealthy
	explain 'has ended' $ended
	explain 'starts again and again' $restarting
	[ -n "$failed" ] || explain 'has not become healthy' $waits
} >&2
exit 1
