package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// exporting is what the flags of export say.
type exporting struct {
	format, out, redact, zone, ocsf string

	follow   bool
	from     int64
	state    string
	incident string
}

func (p *program) exportCommand() *cobra.Command {
	var o exporting
	c := &cobra.Command{
		Use:   "export [INCIDENT]",
		Short: "Write the record of an incident, or follow that of all of them",
		Long:  exportHelp(),
		Args:  words(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			given := c.Flags().Changed
			switch {
			case len(args) == 1 && (o.follow || given("from") || given("state") || given("incident")):
				return usage("--follow, --from, --state and --incident tell of all incidents as they go on; for one of them: --incident %s", args[0])
			case len(args) == 0 && (o.out != "" || o.redact != "" || o.zone != ""):
				return usage("--out, --redact and --tz are for the record of one incident; name it: firebreak export INC-12")
			case len(args) == 0 && !given("format"):
				return usage("say how all incidents are told, or name one: firebreak export --format %s, firebreak export INC-12", strings.Join(timeline.FeedFormats(), "|"))
			case given("from") && o.state != "":
				return usage("--from and --state both say where to begin; give one of them")
			case o.from < 0:
				return usage("--from is a place of the journal, from 0")
			}
			cfg, err := p.load()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				f := local.Follow{Format: o.format, OCSF: o.ocsf, Incident: strings.ToUpper(o.incident), From: o.from, Once: !o.follow}
				return p.follow(c.Context(), cfg, f, o.state)
			}
			if p.json {
				o.format = "json"
			}
			return p.export(c, cfg, args[0], o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.format, "format", "md", "one of the forms above")
	f.StringVar(&o.out, "out", "", "file to write (default: standard output)")
	f.StringVar(&o.redact, "redact", "", "for whom it is: full (default), internal, external")
	f.StringVar(&o.zone, "tz", "", "a time zone for people beside UTC: Europe/Zurich")
	f.StringVar(&o.ocsf, "ocsf", "", "version of the OCSF schema: 1.8 (default) or 1.9")
	f.BoolVar(&o.follow, "follow", false, "go on as facts are written, for ever")
	f.Int64Var(&o.from, "from", 0, "journal place to begin at")
	f.StringVar(&o.state, "state", "", "file that remembers how far this was read")
	f.StringVar(&o.incident, "incident", "", "tell of this incident only")
	return c
}

func exportHelp() string {
	var b strings.Builder
	b.WriteString(`Write the record of an incident. That it was handed out, in which form and for
whom, is written into the journal first. The forms are:

`)
	for _, f := range timeline.Formats() {
		fmt.Fprintf(&b, "  %-11s %s\n", f.Name, f.Doc)
	}
	fmt.Fprintf(&b, `
The form json holds the journal's signed head: keep it elsewhere and give it to
firebreak verify --anchor. A file is written whole or not at all.

Without an incident the record of all of them is told, line by line, in one of
the forms %s. With --follow it goes on as facts are written,
over the server's socket, and comes back by itself when the server does:

  firebreak export --follow --format ocsf --state siem.state | ship-to-siem

--state remembers the place after each batch of lines was written out, so that
after a restart nothing is missing and some lines may come twice: each carries
the same id then. Auditors, commanders and admins may follow; private incidents
are told to auditors and admins. A row that a person corrects later is followed
by the correction, as a row of its own.

Exit codes: 0 done, 1 refused or failed, 2 usage, 10 or 20 the journal is
damaged or altered (see firebreak verify).`, strings.Join(timeline.FeedFormats(), ", "))
	return b.String()
}

// export writes the record of one incident.
func (p *program) export(c *cobra.Command, cfg *config.Config, incident string, o exporting) error {
	line := []string{"export", o.format, incident}
	for _, flag := range [][2]string{{"--redact", o.redact}, {"--tz", o.zone}, {"--ocsf", o.ocsf}} {
		if flag[1] != "" {
			line = append(line, flag[0], flag[1])
		}
	}
	var answer chatops.Message
	write := func(w io.Writer) error {
		var err error
		answer, err = p.sayTo(c.Context(), cfg, chatops.Join(line), w)
		if err == nil && (answer.Failed || answer.Usage || answer.Form != nil) {
			err = &exit{code: exitFailed} // said below
		}
		return err
	}
	var err error
	if o.out == "" || o.out == "-" {
		err = write(p.out)
	} else {
		done := p.progress(o.out)
		err = save(o.out, func(w io.Writer) error { return write(done.to(w)) })
		done.end()
	}
	if e, ok := err.(*exit); ok && e.err == nil {
		p.out, p.json = p.err, false
		if err := p.show(answer); err != nil {
			return err
		}
		return e
	}
	if err != nil {
		return err
	}
	if o.out != "" && o.out != "-" {
		fmt.Fprintf(p.err, "wrote %s\n", o.out)
		if o.format == "timesketch" && !strings.HasSuffix(o.out, ".jsonl") {
			fmt.Fprintln(p.err, "Timesketch takes in only files whose names end in .jsonl: give it that end before you load it")
		}
	}
	return nil
}

// progress says on a terminal how much was written.
type progress struct {
	out  io.Writer // nil: nobody looks
	name string
	w    io.Writer
	n    int64
	last time.Time
}

func (p *program) progress(name string) *progress {
	if f, ok := p.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{out: f, name: name}
	}
	return &progress{}
}

// to counts what goes to w.
func (p *progress) to(w io.Writer) io.Writer {
	p.w = w
	return p
}

func (p *progress) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	if now := time.Now(); p.out != nil && now.Sub(p.last) > 200*time.Millisecond {
		p.last = now
		fmt.Fprintf(p.out, "\r%s: %.1f MB", p.name, float64(p.n)/1e6)
	}
	return n, err
}

// end leaves the line to what comes next.
func (p *progress) end() {
	if !p.last.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
