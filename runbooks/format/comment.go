package format

import (
	"bytes"
	"sort"
	"strings"

	"go.yaml.in/yaml/v4"
)

// gaps walks over what lies between the scalars, and notes comments and dashes.
func (r *reader) gaps() error {
	at := 0
	for _, s := range append(r.spans, span{len(r.src), len(r.src)}) {
		for at < s.start {
			next, err := r.sign(at)
			if err != nil {
				return err
			}
			at = next
		}
		at = s.end
	}
	return nil
}

// sign looks at one sign between scalars and gives the offset behind it.
func (r *reader) sign(at int) (int, error) {
	atLineStart := at == 0 || r.src[at-1] == '\n'
	switch b := r.src[at]; {
	case b == '#':
		r.remarks = append(r.remarks, at)
		return r.lineEnd(at), nil
	case atLineStart && (bytes.HasPrefix(r.src[at:], []byte("---")) || bytes.HasPrefix(r.src[at:], []byte("..."))):
		return at + 3, nil
	case b == '-':
		col := r.column(at)
		r.dashes[col] = append(r.dashes[col], at)
		return at + 1, nil
	case bytes.IndexByte([]byte(" \t\n:,{}[]?"), b) >= 0:
		return at + 1, nil
	case b == '%':
		return 0, &fault{r.pos(at), "a directive is not laid out", "leave the line out"}
	}
	return 0, &fault{r.pos(at), "this is not understood here", "write it in a plainer way"}
}

// attach gives every comment to an entry, or to the end of a list or map.
func (r *reader) attach(t *tree) {
	for _, at := range r.remarks {
		text := strings.TrimRight(string(r.src[at:r.lineEnd(at)]), " \t")
		t.kept = append(t.kept, text)
		next := sort.Search(len(r.entries), func(i int) bool { return r.entries[i].start > at })
		var before, after *entry
		if next > 0 {
			before = r.entries[next-1]
		}
		if next < len(r.entries) {
			after = r.entries[next]
		}
		own := r.beginsLine(at)
		one := remark{text, r.blankAbove(at)}
		switch {
		case before == nil:
			t.head = append(t.head, one)
		case own:
			place := r.above(t, at, before, after)
			*place = append(*place, one)
		default:
			e := before
			for e != nil && e.in.flow && e.in.end <= at {
				e = e.in.owner
			}
			if e == nil {
				t.root.foot = append(t.root.foot, one)
				break
			}
			e.line = append(e.line, text)
		}
	}
}

// above finds where a comment on a line of its own belongs: to the entry below
// it, or to the end of the list or map that its column says.
func (r *reader) above(t *tree, at int, before, after *entry) *[]remark {
	if v := before.value; (v.kind == yaml.ScalarNode || v.flow) && at < v.start {
		return &before.head // between a key and its value
	}
	if v := around(at, before); v != nil {
		if after != nil && after.start < v.end {
			return &after.head
		}
		return &v.foot
	}
	col := r.column(at)
	if after != nil && (col <= after.in.col || after.in == before.value) {
		return &after.head
	}
	for v := before.in; v != nil && (after == nil || v != after.in); {
		if !v.flow && v.col <= col {
			return &v.foot
		}
		if v.owner == nil {
			break
		}
		v = v.owner.in
	}
	if after != nil {
		return &after.head
	}
	return &t.root.foot
}

// around is the innermost {} or [] that an offset lies in.
func around(at int, before *entry) *value {
	for v := before.value; v != nil; {
		if v.flow && v.start < at && at < v.end {
			return v
		}
		switch {
		case v == before.value:
			v = before.in
		case v.owner == nil:
			v = nil
		default:
			v = v.owner.in
		}
	}
	return nil
}
