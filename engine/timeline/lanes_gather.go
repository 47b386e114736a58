package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// fewer keeps the lanes with the most in them, in their order, and counts the others.
func fewer(lanes []*lane, most int, one, many string) []*lane {
	if len(lanes) <= most {
		return lanes
	}
	kept := heaviest(lanes, most-1)
	var out []*lane
	rest := newCrowd()
	for _, l := range lanes {
		if kept[l] {
			out = append(out, l)
			continue
		}
		rest.parts++
		for _, m := range l.marks {
			rest.cover(lookRead, m.x, m.x+2)
		}
	}
	rest.label = "and " + counted(rest.parts, one, many)
	return append(out, rest)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 more " + one
	}
	return fmt.Sprintf("%d more %s", n, many)
}

// heaviest finds the lanes that need to be seen most; of equal ones the first.
func heaviest(lanes []*lane, most int) map[*lane]bool {
	order := slices.Clone(lanes)
	slices.SortStableFunc(order, func(a, b *lane) int { return cmp.Compare(b.weight, a.weight) })
	kept := map[*lane]bool{}
	for _, l := range order[:min(most, len(order))] {
		kept[l] = true
	}
	return kept
}

// gatherSteps puts undos after what they take back, and keeps the steps that
// need a look when there are too many; the others become one lane.
func (c *chart) gatherSteps() []*lane {
	lanes := c.inOrder()
	steps := 0
	for _, l := range lanes {
		if l.isRun {
			l.weight = 5
		} else {
			steps++
		}
	}
	if steps <= maxStepLanes && len(lanes) <= 2*maxStepLanes && c.more == nil {
		return lanes
	}
	kept := heaviest(lanes, maxStepLanes)
	rest := cmp.Or(c.more, newCrowd())
	var out []*lane
	for _, l := range lanes {
		switch {
		case kept[l]:
			out = append(out, l)
			continue
		case l.isRun:
			continue
		}
		rest.parts++
		rest.statusOf[cmp.Or(l.status, "not ended")]++
		for _, b := range l.bars {
			rest.cover(b.look, b.x0, b.x1)
		}
		for k, covered := range l.covered {
			for x, on := range covered {
				if on {
					rest.cover(k, plotLeft+x, plotLeft+x)
				}
			}
		}
	}
	rest.label = "and " + counted(rest.parts, "step", "steps")
	var words []string
	for _, status := range sortedKeys(rest.statusOf) {
		words = append(words, fmt.Sprintf("%d %s", rest.statusOf[status], status))
	}
	rest.sub = strings.Join(words, ", ")
	return append(out, rest)
}

// inOrder is the lanes run by run, each undo after its step.
func (c *chart) inOrder() []*lane {
	undos := map[string][]*lane{}
	var plain []*lane
	for _, l := range c.steps {
		if origin, _, undo := strings.Cut(l.id, undoMark); undo && c.byKey[l.run+"/"+origin] != nil {
			undos[l.run+"/"+origin] = append(undos[l.run+"/"+origin], l)
			continue
		}
		plain = append(plain, l)
	}
	var runs []string
	byRun := map[string][]*lane{}
	for _, l := range plain {
		if byRun[l.run] == nil {
			runs = append(runs, l.run)
		}
		byRun[l.run] = append(byRun[l.run], l)
		if !l.isRun {
			byRun[l.run] = append(byRun[l.run], undos[l.run+"/"+l.id]...)
		}
	}
	var out []*lane
	for _, run := range runs {
		list := byRun[run]
		slices.SortStableFunc(list, func(a, b *lane) int { // the head first, also when a fact came before it
			switch {
			case a.isRun == b.isRun:
				return 0
			case a.isRun:
				return -1
			}
			return 1
		})
		out = append(out, list...)
	}
	return out
}
