//go:build !race

package timeline_test

// underRace says that the race detector makes everything slower.
const underRace = false
