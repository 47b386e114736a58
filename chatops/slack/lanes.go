package slack

import "sync"

// lanes works on jobs: those of one lane one after the other, in order; those
// of different lanes at the same time. A lane costs nothing while it is empty.
type lanes struct {
	each, total int // the most jobs that may wait

	mu     sync.Mutex
	lane   map[string][]func()
	queued int // jobs that wait or are worked on
	closed bool
	idle   []chan struct{}
}

func newLanes(each, total int) *lanes {
	return &lanes{each: each, total: total, lane: map[string][]func(){}}
}

// put takes a job, or says at once that there is no room for it.
func (l *lanes) put(lane string, job func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting, running := l.lane[lane]
	if l.closed || l.queued >= l.total || len(waiting) >= l.each {
		return false
	}
	l.queued++
	l.lane[lane] = append(waiting, job)
	if !running {
		go l.work(lane)
	}
	return true
}

func (l *lanes) work(lane string) {
	for {
		l.mu.Lock()
		jobs := l.lane[lane]
		if len(jobs) == 0 {
			delete(l.lane, lane)
			l.mu.Unlock()
			return
		}
		l.lane[lane] = jobs[1:]
		l.mu.Unlock()
		jobs[0]()
		l.done()
	}
}

func (l *lanes) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queued--
	if l.queued == 0 {
		for _, c := range l.idle {
			close(c)
		}
		l.idle = nil
	}
}

// empty gives a channel that is closed when no job waits or is worked on.
func (l *lanes) empty() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(chan struct{})
	if l.queued == 0 {
		close(c)
		return c
	}
	l.idle = append(l.idle, c)
	return c
}

// close refuses further jobs; those that wait are still worked on.
func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}
