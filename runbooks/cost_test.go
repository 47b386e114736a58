package runbooks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// What reading a file of up to costUnit bytes may cost, whatever is in it; a
// longer one may cost more in proportion. The time is that of a machine on which
// the YAML library alone takes yardstick for the longest runbook of the library;
// a slower one, or one that looks for races, may take longer in proportion.
const (
	costTime  = 50 * time.Millisecond
	costBytes = 16 << 20
	costUnit  = 8 << 10
	yardstick = 900 * time.Microsecond
)

// slowness is how many times the yardstick this machine takes now, at least 1.
func slowness() float64 {
	entry, _ := library.Get("leaked-access-key")
	best := time.Hour
	for range 5 {
		start := processorTime()
		for range 10 { // the processor's time is counted coarsely
			var tree yaml.Node
			if err := yaml.Unmarshal(entry.Source, &tree); err != nil {
				panic(err)
			}
		}
		best = min(best, (processorTime()-start)/10)
	}
	return max(1, float64(best)/float64(yardstick))
}

// tooDear says what a reading cost, when that was too much each time of three.
// It counts the time of the processor, because other tests may have it too, and
// every byte that was asked for.
func tooDear(src []byte, read func()) string {
	scale, slow := max(1, float64(len(src))/costUnit), 1.0
	said := ""
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := processorTime()
		read()
		took := processorTime() - start
		runtime.ReadMemStats(&after)
		bytes := after.TotalAlloc - before.TotalAlloc
		if float64(took) > scale*float64(costTime) {
			slow = slowness() // only now: it costs more than most readings
		}
		if float64(took) <= slow*scale*float64(costTime) && float64(bytes) <= scale*costBytes {
			return ""
		}
		said = fmt.Sprintf("%d bytes of source took %s and %d KB", len(src), took, bytes>>10)
	}
	return said
}

// dear are files of about size bytes that were made to cost much.
func dear(size int) map[string]string {
	fill := func(start, one, end string) string {
		return start + strings.Repeat(one, (size-len(start)-len(end))/len(one)) + end
	}
	number := func(start, format, end string, n int) string {
		var b strings.Builder
		b.WriteString(start)
		for i := 0; i < n && b.Len() < size-len(end)-1000; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String() + end
	}
	const most = 1 << 20
	inputs := strings.TrimSuffix(head, "steps:\n") + "inputs:\n"
	end := "steps:\n  - {id: a, uses: test.nothing}\n"
	return map[string]string{
		"expressions":           fill(head+"  - id: a\n    uses: slack.post\n    with: {text: \"", "${{run}}", "\"}\n"),
		"different expressions": number(head+"  - id: a\n    uses: slack.post\n    with: {text: \"", "${{run + 'x%d'}}", "\"}\n", 5000),
		"large expressions":     number(head, "  - {id: s%d, uses: test.nothing, if: '"+strings.Repeat("now==1||", 49)+"now==1'}\n", "", 500),
		"loops":                 number(head+"  - {id: t, uses: test.types}\n", "  - {id: s%d, uses: test.nothing, if: 'any(steps.t.outputs.tags, any(steps.t.outputs.tags, .key == \"a\"))'}\n", "", 450),
		"faults in expressions": number(head+"  - id: a\n    uses: slack.post\n    with: {text: \"", "${{inputs.x%d}}", "\"}\n", 5000),
		"steps":                 number(head, "  - {id: s%d, uses: test.nothing}\n", "", 500),
		"waits":                 number(head, "  - {id: s%d, wait: 5m}\n", "", 500),
		"on_cancel":             number(head+"  - {id: s, wait: 5m}\non_cancel:\n", "  - {id: s%d, wait: 5m}\n", "", 499),
		"unknown actions":       number(head, "  - {id: s%d, uses: aws.iam.lookup_access_keyy}\n", "", 500),
		"unknown needs":         fill(head+"  - {id: a, uses: test.nothing, needs: [", "b,", "c]}\n"),
		"needs":                 head + manyNeeds(size),
		"unknown keys":          fill(head, "a: b\n", ""),
		"unknown words":         number(inputs, "  i%d: {type: aws.iam.rolee}\n", end, 100),
		"inputs":                number(inputs, "  i%d: {type: list, of: {type: map, of: aws.iam.role}, default: [{a: b, c: d}, {}]}\n", end, 100),
		"large patterns":        number(inputs, "  i%d: {type: string, pattern: '"+strings.Repeat("x{1000}", 80)+"', default: x}\n", end, 100),
		"nested patterns":       number(inputs, "  i%d: {type: string, pattern: '(((((((a{9}){9}){9})))))', enum: [aaaa, aaaaa]}\n", end, 100),
		"wide patterns":         number(inputs, "  i%d: {type: string, pattern: '\\pL{900}', default: x}\n", end, 100),
		"a long default":        fill(inputs+"  i: {type: list, of: email, default: [", "a@b.cd,", "a@b.cd]}\n"+end),
		"a long enum":           number(inputs+"  i: {type: string, pattern: '[a-z0-9]+', enum: [", "w%d,", "w]}\n"+end, most),
		"a long enum of a path": number(inputs+"  i: {type: string, enum: [", "w%d,", "w]}\nsteps:\n"+strings.Repeat("  - {id: a, uses: test.nothing, if: inputs.i == 'ww'}\n", size/400), most),
		"brackets":              fill(head+"  - ", "[", ""),
		"flow items":            fill(head+"  - {id: a, uses: test.types, with: {names: [", "a,", "a]}}\n"),
		"quotes":                fill(head+"  - {id: a, uses: test.types, with: {names: [", "\"\\u00e9\",", "a]}}\n"),
		"calls":                 number(strings.Replace(head, "steps:", "environments: [prod]\nsteps:", 1), "  - {id: s%d, runbook: rotate-token, with: {target: x, token: secret://env/T}}\n", "", 499),
		"waivers":               number(head+"  - {id: a, uses: test.nothing}\nwaivers:\n", "  - {rule: r-%d, reason: because it is so, owner: group:a, expires: 2027-01-01}\n", "", 100),
		"outputs":               number(head+"  - {id: t, uses: test.types}\noutputs:\n", "  o%d: filter(steps.t.outputs.tags, .key == \"a\")\n", "", 100),
		"for_each":              number(inputs+"  l: {type: list, of: string}\nsteps:\n", "  - {id: s%d, uses: test.once, for_each: inputs.l, with: {target: '${{ item }}${{ index }}'}}\n", "", 499),
		"long lines":            fill(head+"  - {id: a, uses: slack.post, with: {text: '", "é", "${{ inputs.x }}'}}\n"),
	}
}

// manyNeeds is as many steps as fit that all wait for all before them.
func manyNeeds(size int) string {
	var b strings.Builder
	ids := ""
	for i := 0; b.Len()+len(ids) < size-300; i++ {
		fmt.Fprintf(&b, "  - {id: s%d, uses: test.nothing, needs: [%s]}\n", i, strings.TrimSuffix(ids, ","))
		ids += fmt.Sprintf("s%d,", i)
	}
	return b.String()
}

func TestNothingIsDear(t *testing.T) {
	catalog, others := runbookstest.Catalog(), callees(t)
	sources := dear(costUnit)
	for name, src := range dear(8 * costUnit) {
		sources["a lot of "+name] = src
	}
	for _, pattern := range []string{"testdata/ok/*.yaml", "testdata/err/*.yaml", "library/*.yaml"} {
		for _, path := range globbed(pattern) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sources[filepath.Base(path)] = string(src)
		}
	}
	for name, src := range sources {
		if said := tooDear([]byte(src), func() { runbooks.Load("test.yaml", []byte(src), catalog, others...) }); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
}
