package meter

// Health is a verdict on the traffic that an interface shows. The worst comes last.
type Health int

// The healths of an interface.
const (
	AllHeard       Health = iota
	Listening             // it has been captured for less than a minute, or hardly a frame has arrived
	FramesLost            // more than 0.1 % of the frames of the last five minutes
	BroadcastsOnly        // and this machine's own traffic: it is no mirror port
	NotHeard              // it is not captured, or no frame has arrived for 15 minutes
)

// String returns one sentence for people about all interfaces, the worst of which has this health.
func (h Health) String() string {
	return [...]string{
		AllHeard:       "All traffic is heard",
		Listening:      "Listening: too early to say",
		FramesLost:     "Frames are lost",
		BroadcastsOnly: "Only broadcasts: this is no mirror port",
		NotHeard:       "An interface is not heard",
	}[h]
}

// State returns the same for programs.
func (h Health) State() string {
	return [...]string{
		AllHeard:       "all_heard",
		Listening:      "listening",
		FramesLost:     "frames_lost",
		BroadcastsOnly: "broadcasts_only",
		NotHeard:       "not_heard",
	}[h]
}

// Bad reports whether traffic is missed.
func (h Health) Bad() bool { return h > Listening }

// Worst returns the worst health of all interfaces.
func Worst(all []Status) (worst Health) {
	for i := range all {
		h := all[i].Health
		if !all[i].Up {
			h = NotHeard
		}
		worst = max(worst, h)
	}
	return worst
}
