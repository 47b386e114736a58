package sim

import (
	"container/heap"
	"time"
)

// due is something that will happen.
type due struct {
	at    time.Time
	order int // among those of the same time: as they were asked for
	what  string
	do    func()
	off   bool // called off
}

// queue holds what will happen, the next first.
type queue struct {
	list  dues
	count int
}

type dues []*due

func (d dues) Len() int { return len(d) }

func (d dues) Less(i, j int) bool {
	if !d[i].at.Equal(d[j].at) {
		return d[i].at.Before(d[j].at)
	}
	return d[i].order < d[j].order
}

func (d dues) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Push is for package heap.
func (d *dues) Push(x any) { *d = append(*d, x.(*due)) }

// Pop is for package heap.
func (d *dues) Pop() any {
	old := *d
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return x
}

func (q *queue) add(at time.Time, what string, do func()) *due {
	q.count++
	d := &due{at: at, order: q.count, what: what, do: do}
	heap.Push(&q.list, d)
	return d
}

// first is what happens next, or nil.
func (q *queue) first() *due {
	for len(q.list) > 0 && q.list[0].off {
		heap.Pop(&q.list)
	}
	if len(q.list) == 0 {
		return nil
	}
	return q.list[0]
}

func (q *queue) pop() { heap.Pop(&q.list) }
