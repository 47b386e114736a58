package slackfake

import (
	"time"
)

// Limits turn rate limiting on. Time is the workspace's clock.
type Limits struct {
	// Methods limits each method to the calls a minute of its tier.
	Methods bool
	// Channels limits posts to one a second in each channel, with a burst of Burst (default 1).
	Channels bool
	Burst    int
	Shape    RateShape
}

// Limit turns rate limits on, or off with the zero Limits. Counters start anew.
func (w *Workspace) Limit(l Limits) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limiter = limiter{limits: l, calls: map[string][]time.Time{}, posts: map[string]*bucket{}}
}

type limiter struct {
	limits Limits
	calls  map[string][]time.Time // of the last minute, by method
	posts  map[string]*bucket     // by channel
}

type bucket struct {
	tokens float64
	at     time.Time
}

// take counts one call. Its error carries the answer in the chosen shape.
func (l *limiter) take(now time.Time, m method, r *request) error {
	if l.limits.Methods && m.tier > 0 {
		recent := l.calls[m.name]
		for len(recent) > 0 && now.Sub(recent[0]) >= time.Minute {
			recent = recent[1:]
		}
		if len(recent) >= m.tier {
			l.calls[m.name] = recent
			return l.refuse(time.Minute - now.Sub(recent[0]))
		}
		l.calls[m.name] = append(recent, now)
	}
	if l.limits.Channels && (m.name == "chat.postMessage" || m.name == "chat.postEphemeral") {
		burst := float64(max(l.limits.Burst, 1))
		b := l.posts[r.str("channel")]
		if b == nil {
			b = &bucket{tokens: burst, at: now}
			l.posts[r.str("channel")] = b
		}
		b.tokens = min(burst, b.tokens+now.Sub(b.at).Seconds())
		b.at = now
		if b.tokens < 1 {
			return l.refuse(time.Duration((1 - b.tokens) * float64(time.Second)))
		}
		b.tokens--
	}
	return nil
}

func (l *limiter) refuse(wait time.Duration) error {
	seconds := int((wait + time.Second - 1) / time.Second)
	return failWith("ratelimited", reply{"rate_limited": RateLimited(l.limits.Shape, seconds)})
}
