package main

import "gonetmon/app/config"

// healthcheck asks the daemon with the same configuration whether it is healthy.
func healthcheck(c *config.Config) error {
	answer, err := get(c, "/healthz")
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
