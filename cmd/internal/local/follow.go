package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/firebreak-ir/firebreak/engine"
)

// Follow says what of the record is followed.
type Follow struct {
	Format   string // one of timeline.FeedFormats
	OCSF     string // version of the schema; empty: the exporter's own choice
	Incident string // empty: every one that the person may follow
	From     int64  // journal place to begin at
	Origin   string // of the journal that From is a place of; empty: any
	Once     bool   // end at the end of the journal
}

// Batch is what was written down between two places of the journal, as whole
// lines of JSON. It may hold none: then there was nothing for this reader.
type Batch struct {
	Origin string // of the journal
	Next   int64  // journal place to go on from
	Lines  []byte
}

// frame stands before the bytes of a batch, or alone at the end. It is a line of JSON.
type frame struct {
	Origin string `json:"origin,omitempty"`
	Next   int64  `json:"next"`
	Bytes  int    `json:"bytes"`
	End    bool   `json:"end,omitempty"`   // all was sent
	Error  string `json:"error,omitempty"` // why nothing more can be sent
}

// follow streams what is written down. A reader who is slow keeps this one
// goroutine waiting and nobody else.
func (o *Options) follow(w http.ResponseWriter, r *http.Request) {
	if o.Follow == nil {
		http.Error(w, "nothing can be followed here", http.StatusNotFound)
		return
	}
	q := r.URL.Query()
	from, err := strconv.ParseInt(q.Get("from"), 10, 64)
	if err != nil || from < 0 {
		http.Error(w, "from is a place of the journal, a whole number from 0", http.StatusBadRequest)
		return
	}
	f := Follow{Format: q.Get("format"), OCSF: q.Get("ocsf"), Incident: q.Get("incident"), From: from, Origin: q.Get("origin"), Once: q.Get("once") != ""}
	flush := http.NewResponseController(w).Flush
	begun := false
	out := bufio.NewWriter(w)
	put := func(h frame, lines []byte) error {
		data, err := json.Marshal(h)
		if err != nil {
			return err
		}
		begun = true
		_, _ = out.Write(append(data, '\n')) // Flush tells
		_, _ = out.Write(lines)
		if err := out.Flush(); err != nil {
			return err
		}
		return flush()
	}
	err = o.Follow(r.Context(), actor(r.Context(), o.Directory()), f, func(b Batch) error {
		return put(frame{Origin: b.Origin, Next: b.Next, Bytes: len(b.Lines)}, b.Lines)
	})
	switch refusal, refused := errors.AsType[*engine.Refusal](err); {
	case err == nil:
		_ = put(frame{End: true}, nil) // the other end is gone: nobody to tell
	case refused && !begun:
		http.Error(w, refusal.Message, http.StatusForbidden)
	case r.Context().Err() != nil || errors.Is(err, context.Canceled):
		// The server stops, or the reader is gone; a reader comes back by itself.
	case !begun:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		_ = put(frame{Error: err.Error()}, nil)
	}
}

// maxLines is the most bytes that are taken for one batch.
const maxLines = 64 << 20

// ErrLost says that the server went away while it was followed. What it did not
// send it sends when it is asked again from the last place that was taken.
var ErrLost = errors.New("the server went away")

// Follow takes what the server sends, batch by batch, until take gives an error,
// the context ends, or all is sent. Errors: ErrLost, which is worth another try;
// that of take; and what the server refuses for good.
func (c *Client) Follow(ctx context.Context, f Follow, take func(Batch) error) error {
	q := url.Values{"format": {f.Format}, "from": {strconv.FormatInt(f.From, 10)}}
	for name, value := range map[string]string{"ocsf": f.OCSF, "incident": f.Incident, "origin": f.Origin} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Once {
		q.Set("once", "yes")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://firebreak/v1/follow?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(ctx)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		return fmt.Errorf("the server refused: %s", bytes.TrimSpace(text))
	}
	in := bufio.NewReader(resp.Body)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return lost(ctx)
		}
		var h frame
		if err := json.Unmarshal(line, &h); err != nil || h.Bytes < 0 || h.Bytes > maxLines {
			return fmt.Errorf("the server's answer cannot be read: %.80q; are both ends the same firebreak", line)
		}
		switch {
		case h.Error != "":
			return fmt.Errorf("the server cannot go on: %s", h.Error)
		case h.End:
			return nil
		}
		b := Batch{Origin: h.Origin, Next: h.Next, Lines: make([]byte, h.Bytes)}
		if _, err := io.ReadFull(in, b.Lines); err != nil {
			return lost(ctx)
		}
		if err := take(b); err != nil {
			return err
		}
	}
}

// lost says why nothing more comes.
func lost(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrLost
}
