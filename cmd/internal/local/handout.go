package local

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/firebreak-ir/firebreak/chatops"
)

// messageTrailer carries the answer after a record that was handed out.
const messageTrailer = "Message"

// record is the type of an answer that is a record, and no message.
const record = "application/octet-stream"

// sink passes on what is handed out. Its first bytes decide that the answer is a record.
type sink struct {
	w    http.ResponseWriter
	used bool
}

func (s *sink) Write(p []byte) (int, error) {
	if !s.used {
		s.used = true
		s.w.Header().Set("Content-Type", record)
		s.w.Header().Set("Trailer", messageTrailer)
	}
	return s.w.Write(p)
}

// export answers a line that hands something out.
func (o *Options) export(w http.ResponseWriter, r *http.Request) {
	var in struct{ Text string }
	if !read(w, r, &in) {
		return
	}
	to := &sink{w: w}
	m := o.Bot.Command(r.Context(), chatops.Input{Actor: actor(r.Context(), o.Directory()), Text: in.Text, Sink: to})
	if !to.used {
		reply(w, answer{Message: m})
		return
	}
	if data, err := json.Marshal(m); err == nil { // without one the other end sees that it was cut off
		w.Header().Set(messageTrailer, base64.StdEncoding.EncodeToString(data))
	}
}

// Export sends a line that hands something out, and writes what is handed out
// to w. When the answer is Failed, what was written is not all of it.
func (c *Client) Export(ctx context.Context, text string, w io.Writer) (chatops.Message, error) {
	data, err := json.Marshal(map[string]string{"Text": text})
	if err != nil {
		return chatops.Message{}, err
	}
	resp, err := c.do(ctx, http.MethodPost, "/v1/export", bytes.NewReader(data))
	if err != nil {
		return chatops.Message{}, err
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != record {
		var a answer
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			return a.Message, fmt.Errorf("the server's answer cannot be read: %w", err)
		}
		return a.Message, nil
	}
	half := errors.New("the server stopped half way; the record is not whole, export it again")
	body := &source{r: resp.Body}
	if _, err := io.Copy(w, body); err != nil {
		if body.err != nil {
			return chatops.Message{}, half
		}
		return chatops.Message{}, err
	}
	var m chatops.Message
	said, err := base64.StdEncoding.DecodeString(resp.Trailer.Get(messageTrailer))
	if err != nil || json.Unmarshal(said, &m) != nil {
		return chatops.Message{}, half
	}
	return m, nil
}

// source remembers the error of reading, to tell it from one of writing.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
