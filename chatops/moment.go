package chatops

import (
	"fmt"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// moment shows a time: in UTC, with the date when it is another day than now,
// and how far away it is.
func moment(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	form := "15:04:05 UTC"
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		form = "2006-01-02 15:04:05 UTC"
	}
	return t.Format(form) + " (" + away(t.Sub(now)) + ")"
}

// day shows a time with its date.
func day(t, now time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + away(t.Sub(now)) + ")"
}

func away(d time.Duration) string {
	switch {
	case d >= time.Second:
		return "in " + span(d)
	case d <= -time.Second:
		return span(-d) + " ago"
	}
	return "now"
}

// span is a duration in its two largest units: 1h 5m, 3d 2h, 12s.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	units := []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	var parts []string
	for _, u := range units {
		n := d / u.size
		d -= n * u.size
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d%s", n, u.name))
		}
		if len(parts) == 2 || len(parts) == 1 && n == 0 {
			break
		}
	}
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, " ")
}

// timeForms are what --at takes besides "10m" (ago).
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// observed reads when something was seen. A time of day without a date is its
// latest passing; everything is UTC unless it says otherwise.
func observed(s string, now time.Time) (time.Time, *engine.Refusal) {
	s = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(s), " ago"), " UTC")
	if d, err := time.ParseDuration(s); err == nil {
		if d < 0 {
			d = -d
		}
		return now.Add(-d), nil
	}
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(form, strings.TrimSuffix(s, "Z")); err == nil {
			y, m, d := now.UTC().Date()
			at := time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
			if at.After(now) {
				at = at.AddDate(0, 0, -1)
			}
			return at, nil
		}
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			if t.After(now) {
				return t, engine.Refuse(engine.FutureTime, "%s is in the future (it is %s); a note tells what was seen: --at 10m, --at 14:05 or --at 2026-03-01T14:05Z", t.UTC().Format(time.RFC3339), now.Format(time.RFC3339))
			}
			return t.UTC(), nil
		}
	}
	return time.Time{}, engine.Refuse(engine.Usage, "%q is no time; write --at 14:05 (UTC), --at 10m (ago) or --at 2026-03-01T14:05Z", line(s, 40))
}
