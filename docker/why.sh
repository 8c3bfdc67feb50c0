#!/bin/sh
# Prints which containers of compose.yaml do not run or are not healthy, and why: the answer of the last health check, and the last
# lines of the log.
docker compose ps -aq | while read -r id; do
	state=$(docker inspect -f '{{.State.Status}}{{with .State.Health}} {{.Status}}{{end}}' "$id")
	case $state in running | 'running healthy') continue ;; esac
	printf '\n%s is %s:\n' "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$id")" "$state"
	docker inspect -f '{{with .State.Health}}{{$last := ""}}{{range .Log}}{{$last = .Output}}{{end}}{{$last}}{{end}}' "$id" | grep .
	docker logs --tail 5 "$id" 2>&1
done >&2
