package main

import "gonetmon/app/config"

// healthcheck asks the daemon with the same configuration whether it is healthy, and whether its interfaces have existed. Docker
// allows a container a minute for that after its start. /healthz alone does not ask for interfaces: who restarts gonetmon because
// of it gains nothing.
func healthcheck(c *config.Config) error {
	answer, err := get(c, "/healthz?interfaces")
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
