package meter

import "gonetmon/app/capture"

// A Status is how one meter does, as people and metrics see it.
type Status struct {
	Interface string
	capture.Stats
	Classes Classes
}
