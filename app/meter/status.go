package meter

import "gonetmon/app/capture"

// A Status describes the capture of one interface for people and metrics.
type Status struct {
	Interface string
	capture.Stats
	Classes Classes
	Health  Health
}
