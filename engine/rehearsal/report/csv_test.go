package report

import "testing"

func TestPlainCell(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "train them": "train them", "=1+1": "'=1+1", "  =1+1": "'  =1+1", "\t=1+1": "' =1+1", "＝1+1": "'＝1+1", "-2": "'-2", "a=b": "a=b", "'x": "''x",
	} {
		if got := plainCell(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
