package home

import (
	"container/heap"
	"time"
)

// A clock is simulated time: a queue of what happens when.
type clock struct {
	now    time.Time
	queue  eventQueue
	queued int // events so far: those of one moment happen in the order in which they were queued
}

type event struct {
	at time.Time
	n  int
	do func()
}

// at has do happen at a time, or now if that is over.
func (c *clock) at(t time.Time, do func()) {
	if t.Before(c.now) {
		t = c.now
	}
	c.queued++
	heap.Push(&c.queue, event{t, c.queued, do})
}

// after has do happen after some time.
func (c *clock) after(d time.Duration, do func()) { c.at(c.now.Add(d), do) }

// next returns the next event that is due before the end.
func (c *clock) next(end time.Time) (e event, ok bool) {
	if len(c.queue) == 0 || !c.queue[0].at.Before(end) {
		return e, false
	}
	return heap.Pop(&c.queue).(event), true
}

// An eventQueue is a heap (container/heap).
type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if c := q[i].at.Compare(q[j].at); c != 0 {
		return c < 0
	}
	return q[i].n < q[j].n
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = event{}
	*q = (*q)[:last]
	return e
}
